"""A backbone with a head, and the small file that says which."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor
from transformers import AutoModel, AutoModelForCausalLM, PreTrainedModel

from training.engine.errors import FixableError
from training.engine.layout import Layout
from training.engine.logprobs import unwrapped, vocabulary_logits
from training.engine.registry.rewards_algebra import Aggregation, Loss, Map
from training.engine.rewards.aggregation import combine
from training.engine.rewards.heads import Features, Output
from training.engine.rewards.named_heads import HEADS
from training.engine.spared import looked_at

T = TypeVar("T")

HEAD_FILE = "reward_head.json"
HEAD_WEIGHTS = "reward_head.safetensors"


@dataclass(frozen=True)
class Description:
    """What stands in the small file beside a reward model's backbone.

    Attributes:
        preset: the method that made it.
        head: a name of ``HEADS``.
        options: what the head was built with.
        aggregation: how components become the value.
        weights: of the components, for fixed weighted sums.
        penalty: on the components' variance.
        loss: how it learned, which says how scores become probabilities.
        map: how texts are put to it.
        components: their names.
        names: users or domains in the order of the head's tables.
        offset: what is added to every value (a shift of the prior).
        temperature: what a skew score is divided by.
        texts: further texts, such as the principle asked about by default.
    """

    preset: str
    head: str
    options: dict[str, Any] = field(default_factory=dict)
    aggregation: Aggregation = "identity"
    weights: tuple[float, ...] = ()
    penalty: float = 0.0
    loss: Loss = "logistic"
    map: Map = "none"
    components: tuple[str, ...] = ("reward",)
    names: tuple[str, ...] = ()
    offset: float = 0.0
    temperature: float = 1.0
    texts: dict[str, str] = field(default_factory=dict)


class RewardModel(PreTrainedModel):
    """A backbone and a head that scores what it read.

    Attributes:
        backbone: an ordinary model of the library; a language model for verdicts.
        head: what makes components of its states.
        description: what is written beside it.
    """

    base_model_prefix = "backbone"
    _supports_sdpa = True
    _supports_flash_attn = True
    _supports_flex_attn = True
    _supports_attention_backend = True
    supports_gradient_checkpointing = True

    def __init__(self, backbone: PreTrainedModel, description: Description) -> None:
        super().__init__(backbone.config)
        self.backbone = backbone
        self.description = description
        width = int(backbone.config.hidden_size)
        self.head = HEADS[description.head](width, description.options)
        self.head.to(device=backbone.device, dtype=torch.float32)

    @property
    def is_encoder(self) -> bool:
        """True if the backbone reads both ways."""
        return bool(getattr(self.config, "type_vocab_size", 0))

    def forward(self, work: Callable[[RewardModel], T]) -> T:
        """Return what a function makes of this model.

        A wrapper for several processes must see every forward pass; what a pass
        gives depends on the loss.
        """
        return work(self)

    @property
    def trunk(self) -> Any:
        """The backbone below a language model's head, or all of it."""
        return getattr(self.backbone, self.backbone.base_model_prefix, self.backbone)

    def _states(self, **inputs: Any) -> Tensor:
        return torch.as_tensor(self.trunk(**inputs).last_hidden_state).float()

    def features(
        self,
        ids: Tensor,
        mask: Tensor,
        prompts: Tensor,
        *,
        ends: Tensor | None = None,
        users: Tensor | None = None,
        latent: Tensor | None = None,
        numbers: Tensor | None = None,
        layout: Layout | None = None,
    ) -> Features:
        """Return what the head needs of right-padded sequences.

        Args:
            ids, mask: shape (U, T).
            prompts: tokens of each sequence's prompt, shape (U,).
            ends: True at segments' last tokens, shape (U, T).
            users: shape (U,). latent: shape (U, Z). numbers: shape (U, F).
            layout: the same sequences in rows that share prompts; causal models only.
        """
        if "numbers" in self.head.wants:  # which needs no backbone
            return Features(ids[:, :1].float(), numbers=numbers)
        if layout is not None:
            return self._shared_features(layout, ids.shape[1], ends, users, latent)
        states = self._states(input_ids=ids, attention_mask=mask)  # (U, T, H)
        rows = torch.arange(len(ids), device=ids.device)
        at = torch.zeros_like(rows) if self.is_encoder else mask.sum(1) - 1
        prompt = None
        if "prompt" in self.head.wants:
            if self.is_encoder:
                # It reads both ways, so the prompt must be read without the rest.
                there = torch.arange(ids.shape[1], device=ids.device)[None]
                alone = (there < prompts.clamp(min=1)[:, None]).to(mask.dtype)
                prompt = self._states(input_ids=ids, attention_mask=alone)[:, 0]
            else:
                prompt = states[rows, (prompts - 1).clamp(min=0)]
        return Features(
            last=states[rows, at],
            prompt=prompt,
            tokens=states if "tokens" in self.head.wants else None,
            ends=ends,
            users=users,
            latent=latent,
            vocabulary=self._vocabulary(),
        )

    def _shared_features(
        self,
        layout: Layout,
        width: int,
        ends: Tensor | None,
        users: Tensor | None,
        latent: Tensor | None,
    ) -> Features:
        inputs = layout.inputs(self.backbone)
        wants = self.head.wants
        read = [layout.lasts, *([layout.splits] if "prompt" in wants else [])]
        sparing = (
            nullcontext()
            if "tokens" in wants
            else looked_at(self.trunk, torch.cat(read).unique())
        )
        with sparing:
            states = self._states(**inputs).flatten(0, 1)  # (R * L, H)
        return Features(
            last=states[layout.lasts],
            # Each branch repeats its prompt's last token, which sees the prompt alone.
            prompt=states[layout.splits] if "prompt" in wants else None,
            tokens=states[layout.places(width)] if "tokens" in wants else None,
            ends=ends,
            users=users,
            latent=latent,
            vocabulary=self._vocabulary(),
        )

    def _vocabulary(self) -> Callable[[Tensor], Tensor] | None:
        if "vocabulary" not in self.head.wants:
            return None
        return partial(vocabulary_logits, unwrapped(self.backbone))

    def value(self, output: Output) -> Tensor:
        """Return the one number that is reported of each sequence, (U,)."""
        told = self.description
        weights = output.weights
        if weights is None and told.weights:
            weights = torch.tensor(told.weights).to(output.values)
        found = combine(told.aggregation, output.values, weights, told.penalty)
        return found + told.offset


def save_head(model: RewardModel, target: Path) -> None:
    """Write a reward model: its backbone as the library does, its head beside it."""
    model.backbone.save_pretrained(target)
    text = json.dumps(asdict(model.description), ensure_ascii=False, indent=1)
    (target / HEAD_FILE).write_text(text + "\n", encoding="utf-8")
    weights = {k: v.contiguous().cpu() for k, v in model.head.state_dict().items()}
    save_file(weights or {"none": torch.zeros(1)}, target / HEAD_WEIGHTS)


def has_head(location: str) -> bool:
    """True if a directory holds a reward model with a head file."""
    return (Path(location) / HEAD_FILE).is_file()


def read_description(location: Path) -> Description:
    """Return what a head file says.

    Raises:
        FixableError: if it cannot be understood.
    """
    try:
        told = json.loads((location / HEAD_FILE).read_text(encoding="utf-8"))
        for name in ("weights", "components", "names"):
            told[name] = tuple(told[name])
        description = Description(**told)
        HEADS[description.head]
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise damaged(location, error) from error
    return description


def load_head(location: Path, dtype: torch.dtype) -> RewardModel:
    """Load what ``save_head`` wrote.

    Raises:
        FixableError: if a file is missing or damaged.
    """
    description = read_description(location)
    language = description.head == "verdict"
    loader = AutoModelForCausalLM if language else AutoModel
    try:
        backbone = loader.from_pretrained(
            str(location), dtype=dtype, trust_remote_code=False
        )
        model = RewardModel(backbone, description)
        weights = load_file(location / HEAD_WEIGHTS)
        weights.pop("none", None)
        model.head.load_state_dict(weights)
    except Exception as error:
        # Readers of foreign files raise whatever the damage leads them to.
        raise damaged(location, error) from error
    return model


def damaged(location: Path, error: Exception) -> FixableError:
    """Return the refusal of a reward model whose files do not fit together."""
    return FixableError(
        "The reward model's head could not be loaded.",
        expected=f"{HEAD_FILE} and {HEAD_WEIGHTS} as training left them",
        found=f"{type(error).__name__}: {str(error)[:300]} in {location}",
        fix="Take the model directory of the run again; it may have been cut short.",
        field="model.source",
    )
