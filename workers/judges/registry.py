"""Which backend a judge has. A new one is one more entry."""

from collections.abc import Callable
from functools import lru_cache
from uuid import UUID

from annotation.errors import InvalidInput
from annotation.models import Judge
from annotation.services.judge_settings import (
    JudgeSettings,
    parse_settings,
    settings_of,
)
from training.models import ModelVersion
from workers.judges.base import Backend
from workers.judges.calls import Transport
from workers.judges.endpoint import Endpoint
from workers.judges.ledger import Ledger
from workers.judges.local import Local
from workers.judges.panel import PanelJudge
from workers.judges.recorded import RecordedJudge
from workers.judges.reward import RewardJudge
from workers.judges.words import WordsJudge

WORDS = (ModelVersion.Role.POLICY, ModelVersion.Role.JUDGE)


def version_of(model: UUID | None) -> ModelVersion:
    """Return a model that can judge.

    Raises:
        InvalidInput: for a model that cannot, or none.
    """
    found = ModelVersion.objects.filter(pk=model) if model else None
    version = found.first() if found is not None else None
    if version is None or version.role not in (ModelVersion.Role.REWARD, *WORDS):
        raise InvalidInput(
            "This model cannot judge.",
            expected="a reward model, a policy or a judge",
            found=f"{version.role if version else 'no model'} {model}",
            fix="List the project's models and choose one of these.",
        )
    return version


@lru_cache(maxsize=1)
def reward_judge(model: UUID, principle: str, tie_within: float) -> RewardJudge:
    """Return a reward model's judge; the last one asked stays loaded."""
    told = parse_settings({"principle": principle, "tie_within": tie_within})
    return RewardJudge(version_of(model), told)


@lru_cache(maxsize=1)
def local_model(model: UUID) -> Local:
    """Return a causal model's transport; the last one asked stays loaded."""
    return Local(version_of(model))


def transport_of(judge: Judge, ledger: Ledger) -> Transport:
    """Return what carries calls to a judge that answers in words.

    Raises:
        InvalidInput: for one that writes no words, or cannot be called as it is set up.
    """
    if judge.backend == Judge.Backend.ENDPOINT:
        try:
            return Endpoint(settings_of(judge), ledger, judge.concurrency)
        except ValueError as error:
            raise _uncallable(error) from error
    version = None
    if judge.backend == Judge.Backend.MODEL:
        version = version_of(judge.model_version)
    if version is None or version.role not in WORDS:
        kind = judge.get_backend_display() if version is None else "a reward model"
        raise InvalidInput(
            "This judge writes no words.",
            expected="a judge that asks an endpoint, a policy or a judge's model",
            found=f"{judge.name}: {kind}",
            fix="Choose another judge.",
        )
    return local_model(version.pk)


def _model(judge: Judge, settings: JudgeSettings, ledger: Ledger) -> Backend:
    version = version_of(judge.model_version)
    if version.role == ModelVersion.Role.REWARD:
        return reward_judge(version.pk, settings.principle, settings.tie_within)
    # A local model is offered nothing but the letters, so their share says it all.
    asked = settings.model_copy(update={"min_mass": 0.0})
    told = {"name": version.name, "version": version.sha256 or version.source}
    return WordsJudge(local_model(version.pk), asked, ledger, told)


def _endpoint(judge: Judge, settings: JudgeSettings, ledger: Ledger) -> Backend:
    transport = Endpoint(settings, ledger, judge.concurrency)
    told = {"name": settings.model, "version": settings.model, "url": settings.url}
    return WordsJudge(transport, settings, ledger, told)


def _recorded(judge: Judge, settings: JudgeSettings, ledger: Ledger) -> Backend:
    assert judge.replays is not None, "checked when the judge was saved"
    return RecordedJudge(judge.replays)


def _panel(judge: Judge, settings: JudgeSettings, ledger: Ledger) -> Backend:
    return PanelJudge(judge, settings)


BACKENDS: dict[str, Callable[[Judge, JudgeSettings, Ledger], Backend]] = {
    Judge.Backend.MODEL: _model,
    Judge.Backend.ENDPOINT: _endpoint,
    Judge.Backend.RECORDED: _recorded,
    Judge.Backend.PANEL: _panel,
}


def backend_of(judge: Judge, ledger: Ledger) -> Backend:
    """Return what a judge asks.

    Raises:
        InvalidInput: if it cannot be asked as it is set up.
    """
    try:
        return BACKENDS[judge.backend](judge, settings_of(judge), ledger)
    except ValueError as error:
        raise _uncallable(error) from error


def _uncallable(error: ValueError) -> InvalidInput:
    return InvalidInput(
        "The judge's endpoint cannot be called.",
        expected="an address that this server may call",
        found=str(error),
        fix="Mend the judge's settings, or ask the operator.",
    )
