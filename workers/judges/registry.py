"""Which kind of judge a model is, by its role. A new backend is one more entry."""

from collections.abc import Callable
from functools import lru_cache
from uuid import UUID

from annotation.errors import InvalidInput
from training.models import ModelVersion
from workers.judges.base import Judge
from workers.judges.causal import CausalJudge
from workers.judges.reward import RewardJudge

JUDGES: dict[str, Callable[[ModelVersion], Judge]] = {
    ModelVersion.Role.REWARD: RewardJudge,
    ModelVersion.Role.POLICY: CausalJudge,
    ModelVersion.Role.JUDGE: CausalJudge,
}


@lru_cache(maxsize=1)
def judge_of(model: UUID) -> Judge:
    """Return a model's judge; the last one asked stays loaded.

    Raises:
        InvalidInput: for a model that cannot judge.
    """
    version = ModelVersion.objects.filter(pk=model).first()
    if version is None or version.role not in JUDGES:
        raise InvalidInput(
            "This model cannot judge.",
            expected="a reward model, a policy or a judge",
            found=f"{version.role if version else 'no model'} {model}",
            fix="List the project's models and choose one of these.",
        )
    return JUDGES[version.role](version)
