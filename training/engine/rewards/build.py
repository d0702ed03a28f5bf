"""From a specification to a reward model that can be trained."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, get_args

import torch
from transformers import PreTrainedModel, PreTrainedTokenizerBase, set_seed

from training.engine.errors import FixableError
from training.engine.models import load_backbone, load_policy, load_reward
from training.engine.precision import learning_part
from training.engine.registry import ParamValue, Preset
from training.engine.registry.fits import makers
from training.engine.registry.rewards_algebra import Aggregation, RewardRow
from training.engine.rewards import texts
from training.engine.rewards.aggregation import debias
from training.engine.rewards.examples import Collator
from training.engine.rewards.heads import GateHead, LinearHead, MixtureHead
from training.engine.rewards.model import Description, RewardModel
from training.engine.rewards.pair_rows import Reading, number_list
from training.engine.rewards.value_losses import prior_shift
from training.engine.spec import Spec


@dataclass(frozen=True)
class Started:
    """A backbone that was loaded, waiting for what the rows say of its head.

    Attributes:
        earlier: the reward model of the stage before, if the method has one.
    """

    spec: Spec
    preset: Preset
    settings: RewardRow
    params: Mapping[str, ParamValue]
    backbone: PreTrainedModel
    tokenizer: PreTrainedTokenizerBase
    template: str
    earlier: RewardModel | None

    def build(self, reading: Reading) -> RewardModel:
        """Return the model with a new head, or the earlier stage's with a new part."""
        set_seed(self.spec.seed)
        description = self._description(reading)
        model = RewardModel(self.backbone, description)
        if self.earlier is not None:
            _carry_over(self.earlier, model)
        if self.settings.head == "features":
            model.backbone.requires_grad_(False)
        return model

    def _description(self, reading: Reading) -> Description:
        options = self._options(reading)
        return Description(
            preset=self.preset.name,
            head=self.settings.head,
            options=options,
            aggregation=self._aggregation(),
            weights=self._weights(reading),
            penalty=float(self.params.get("penalty") or 0.0),
            loss=self.settings.loss,
            map=self.settings.map,
            components=self._components(reading, options),
            names=reading.names if self.settings.named else (),
            offset=self._offset(reading),
            temperature=float(self.params.get("temperature") or 1.0),
            texts=self._texts(),
        )

    def _options(self, reading: Reading) -> dict[str, Any]:
        params, settings = self.params, self.settings
        found: dict[str, Any] = {
            name: params[name]
            for name in (
                *("gate_width", "gate_layers", "gate_dropout", "blocks", "gated"),
                *(
                    "dimension",
                    "by_prompt",
                    "latent",
                    "hidden",
                    "tie_width",
                    "features",
                ),
            )
            if name in params
        }
        if settings.head in ("linear", "mixture", "gate", "ideal_point"):
            counts = [params.get(name) for name in ("members", "groups", "prototypes")]
            given = [int(count) for count in counts if count is not None]
            found["components"] = given[0] if given else 1
        if settings.loss == "squared":
            found["components"] = len(reading.attributes)
        if self.earlier is not None:
            found["components"] = len(self.earlier.description.components)
        if settings.loss == "membership" or settings.head == "ideal_point":
            found["users"] = len(reading.names)
        if settings.loss == "balanced":
            found["domains"] = len(reading.names)
        if settings.head == "verdict":
            found["answers"] = list(self._answers())
        return found

    def _answers(self) -> tuple[int, int]:
        """Return the first tokens of both answers, which must differ."""
        judge = self.settings.map == "judge"
        words = texts.FIRST_SECOND if judge else texts.YES_NO
        ids = [
            self.tokenizer.encode(word, add_special_tokens=False)[0] for word in words
        ]
        if ids[0] == ids[1]:
            raise FixableError(
                "The tokenizer cannot tell the two answers apart.",
                expected=f"different first tokens for {words[0]} and {words[1]}",
                found=f"token {ids[0]} for both",
                fix="Choose a model with another tokenizer.",
                field="model.source",
            )
        return ids[0], ids[1]

    def _aggregation(self) -> Aggregation:
        asked = self.params.get("ensemble", self.settings.aggregation)
        for name in get_args(Aggregation):
            if name == asked:
                found: Aggregation = name
                return found
        raise KeyError(asked)

    def _weights(self, reading: Reading) -> tuple[float, ...]:
        if self.settings.loss == "cost":
            return (-1.0,)
        if self.settings.loss != "squared":
            return ()
        count = len(reading.attributes)
        given = number_list(str(self.params["attribute_weights"] or ""))
        if given and len(given) != count:
            raise FixableError(
                "The weights do not fit the attributes.",
                expected=f"{count} weights for {', '.join(reading.attributes)}",
                found=f"{len(given)} weights",
                fix="Give one for each, in that order, or none.",
                field="params.attribute_weights",
            )
        return given or tuple(1 / count for _ in range(count))

    def _components(
        self, reading: Reading, options: Mapping[str, Any]
    ) -> tuple[str, ...]:
        if self.earlier is not None:
            return self.earlier.description.components
        if self.settings.loss == "squared":
            return reading.attributes
        if self.settings.loss == "cost":
            return ("cost",)
        count = int(options.get("components", 1))
        if self.settings.head == "ideal_point" or count == 1:
            return ("reward",)
        word = "member" if self.settings.loss == "bootstrap" else "group"
        return tuple(f"{word}-{number}" for number in range(1, count + 1))

    def _offset(self, reading: Reading) -> float:
        base = self.params.get("base_rate")
        if not base:
            return 0.0
        return prior_shift(float(base), reading.positive)

    def _texts(self) -> dict[str, str]:
        if self.settings.map == "principle":
            return {"principle": str(self.params["principle"])}
        if self.settings.head == "tokens":
            return {name: str(self.params[name]) for name in ("density", "min_words")}
        return {}


def prepare(
    spec: Spec,
    preset: Preset,
    settings: RewardRow,
    params: Mapping[str, ParamValue],
) -> Started:
    """Load what a method starts from.

    Raises:
        FixableError: if a second stage is not given its first one's model, or a
            verdict no language model.
    """
    earlier = None
    wanted = makers(preset, "model")
    if wanted:
        loaded = load_reward(learning_part(spec), seed=spec.seed)
        if not isinstance(loaded.model, RewardModel):
            raise _wrong_stage(preset, wanted[0], "a model without such a head")
        earlier = loaded.model
        if earlier.description.preset not in wanted:
            raise _wrong_stage(preset, wanted[0], earlier.description.preset)
        backbone = earlier.backbone
    else:
        load = load_policy if settings.head == "verdict" else load_backbone
        loaded = load(learning_part(spec), seed=spec.seed)
        backbone = loaded.model
        if settings.head == "value" and loaded.is_encoder:
            raise FixableError(
                "A value of a beginning must not see what follows.",
                expected="a causal language model",
                found="an encoder, which reads both ways",
                fix="Start from a causal model, best the one that will be steered.",
                field="model.source",
            )
    return Started(
        spec,
        preset,
        settings,
        params,
        backbone,
        loaded.tokenizer,
        loaded.template,
        earlier,
    )


def _wrong_stage(preset: Preset, wanted: str, found: str) -> FixableError:
    return FixableError(
        f"{preset.title} goes on from another model.",
        expected=f"a model trained by {wanted}",
        found=found,
        fix=f"Train {wanted} first and give its model directory as model.source.",
        field="model.source",
    )


def _carry_over(earlier: RewardModel, model: RewardModel) -> None:
    """Keep what the stage before learned; only the gate or router is left to train."""
    model.backbone.requires_grad_(False)
    old, new = earlier.head, model.head
    assert isinstance(old, LinearHead) and isinstance(new, LinearHead)
    new.linear.load_state_dict(old.linear.state_dict())
    new.linear.requires_grad_(False)
    if isinstance(old, MixtureHead) and isinstance(new, MixtureHead):
        new.router.load_state_dict(old.router.state_dict())


@torch.no_grad()
def debiased(
    model: RewardModel, collator: Collator, *, batch_size: int, threshold: float
) -> None:
    """Set how much of the last attribute is taken off the others, by the given texts.

    Source: Wang et al. 2024, ArmoRM, stage 2.
    """
    head = model.head
    assert isinstance(head, GateHead)
    model.eval()
    found = []
    for start in range(0, len(collator.examples), batch_size):
        batch = collator.batch(collator.examples[start : start + batch_size])
        device = model.device
        features = model.features(
            batch.ids.to(device), batch.mask.to(device), batch.prompts.to(device)
        )
        found.append(head.linear(features.last).cpu())
    head.shares.copy_(debias(torch.cat(found), threshold))
