"""The policy and its critic as one module, and the frozen reference beside them."""

from __future__ import annotations

import contextlib
import copy
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

import torch
from peft import PeftModel, get_peft_model
from torch import Tensor, nn
from transformers import PreTrainedModel

from training.engine.logprobs import vocabulary_logits
from training.engine.lora import adapters, check_targets
from training.engine.ppo.experience import Sequences
from training.engine.spec import LoraPart

CriticKind = Literal["reward", "zero", "shared", "none"]


@dataclass(frozen=True)
class Outputs:
    """What policy and critic say about completions.

    Attributes:
        logprobs: of the drawn tokens, 0 on padding, (B, T).
        entropy: of each token's distribution, in nats, 0 on padding, (B, T).
        values: before each token and after the last, (B, T); None without a critic.
        distance: KL(reference || policy) of each token's whole distribution, in nats,
            (B, T); None unless it is learned from.
    """

    logprobs: Tensor
    entropy: Tensor
    values: Tensor | None
    distance: Tensor | None = None


class ValueHead(nn.Linear):
    """One number from a hidden state; starts at zero unless it is given weights."""

    def __init__(self, hidden_size: int) -> None:
        super().__init__(hidden_size, 1)
        nn.init.zeros_(self.weight)
        nn.init.zeros_(self.bias)

    def load(self, score: nn.Module) -> None:
        """Take over a reward model's head.

        Raises:
            ValueError: if it is not one linear map to one number.
        """
        weight = getattr(score, "weight", None)
        if not isinstance(weight, Tensor) or weight.shape != self.weight.shape:
            raise ValueError(
                f"expected a reward head of shape {tuple(self.weight.shape)}, "
                f"found {getattr(weight, 'shape', type(score).__name__)}"
            )
        bias = getattr(score, "bias", None)
        with torch.no_grad():
            self.weight.copy_(weight)
            if isinstance(bias, Tensor):
                self.bias.copy_(bias)


class ActorCritic(nn.Module):
    """A causal language model with a value of every state.

    Args:
        policy: the model that learns to write, perhaps under adapters.
        critic: the backbone of a value network of its own; None shares the policy's.
        head: the value head; None leaves out values altogether.
        temperature: logits are divided by it, here as in sampling.
    """

    def __init__(
        self,
        policy: nn.Module,
        *,
        critic: nn.Module | None,
        head: ValueHead | None,
        temperature: float,
    ) -> None:
        super().__init__()
        self.policy = policy
        self.critic = critic
        self.head = head
        self.temperature = temperature
        self.tied_to: Reference | None = None
        """Measure the whole distribution's distance from it while learning."""

    def forward(self, batch: Sequences, *, with_entropy_gradient: bool = False) -> Any:
        """Return `Outputs` for a batch."""
        language_model = plain(self.policy)
        hidden = completion_states(language_model.base_model, batch)  # (B, T, H)
        logprobs, entropy = token_logprobs(
            language_model,
            hidden,
            batch,
            self.temperature,
            with_entropy_gradient=with_entropy_gradient,
        )
        distance = None
        if self.tied_to is not None and torch.is_grad_enabled():
            distance = self.tied_to.distance(language_model, hidden, batch)
        values = None
        if self.head is not None:
            if self.critic is not None:
                hidden = completion_states(plain(self.critic), batch)
            values = self.head(hidden).squeeze(-1).float()  # (B, T)
        return Outputs(logprobs, entropy, values, distance)

    def critic_parameters(self) -> list[nn.Parameter]:
        """Return the parameters that are the critic's alone."""
        modules = [m for m in (self.critic, self.head) if m is not None]
        return [p for m in modules for p in m.parameters() if p.requires_grad]

    def policy_parameters(self) -> list[nn.Parameter]:
        """Return the policy's parameters, which a shared critic uses too."""
        return [p for p in self.policy.parameters() if p.requires_grad]


def plain(model: nn.Module) -> Any:
    """Return the model without its adapter wrapper; adapters stay in its layers."""
    return model.get_base_model() if isinstance(model, PeftModel) else model


def completion_states(backbone: nn.Module, batch: Sequences) -> Tensor:
    """Return the hidden states that predict each completion token, (B, T, H).

    Column j is the state before token j; the column after the last token is the state
    behind it. Columns beyond that repeat it and count nowhere.
    """
    hidden: Tensor = backbone(
        input_ids=batch.ids, attention_mask=batch.attention, use_cache=False
    ).last_hidden_state  # (B, L, H)
    columns = torch.arange(batch.width, device=batch.ids.device)[None, :]
    last = batch.starts + batch.lengths - 1
    places = torch.minimum(batch.starts[:, None] - 1 + columns, last[:, None])
    return hidden.gather(1, places[..., None].expand(-1, -1, hidden.shape[-1]))


def token_logprobs(
    language_model: Any,
    hidden: Tensor,
    batch: Sequences,
    temperature: float,
    *,
    with_entropy_gradient: bool = False,
) -> tuple[Tensor, Tensor]:
    """Return log-probability and entropy of each completion token, (B, T) each.

    Only places that predict a completion token go through the language-model head.
    """
    wanted = batch.tokens
    columns = torch.arange(batch.width, device=batch.ids.device)[None, :]
    places = (batch.starts[:, None] + columns).clamp(max=batch.ids.shape[1] - 1)
    labels = batch.ids.gather(1, places)[wanted]  # (N,)
    logits = vocabulary_logits(language_model, hidden[wanted]) / temperature  # (N, V)
    log_all = torch.log_softmax(logits, -1)
    chosen = log_all.gather(-1, labels[:, None])[:, 0]
    with contextlib.nullcontext() if with_entropy_gradient else torch.no_grad():
        spread = -(log_all.exp() * log_all).sum(-1)
    empty = torch.zeros(wanted.shape, dtype=chosen.dtype, device=chosen.device)
    return (
        empty.masked_scatter(wanted, chosen),
        empty.masked_scatter(wanted, spread.to(chosen.dtype)),
    )


class Reference:
    """The frozen policy that learning is held close to.

    Args:
        model: a model of its own; None reads the policy with its adapters off.
    """

    def __init__(
        self, model: PreTrainedModel | None, policy: nn.Module, temperature: float
    ) -> None:
        if model is None and not isinstance(policy, PeftModel):
            raise ValueError(
                "expected adapters to turn off or a reference of its own, found neither"
            )
        self.model = model
        self._policy = policy
        self._temperature = temperature

    @torch.no_grad()
    def logprobs(self, batch: Sequences) -> Tensor:
        """Return the log-probability of each completion token, (B, T)."""
        with self.active() as model:
            hidden = completion_states(model.base_model, batch)
            logprobs, _ = token_logprobs(model, hidden, batch, self._temperature)
        return logprobs

    def distance(self, language_model: Any, hidden: Tensor, batch: Sequences) -> Tensor:
        """Return KL(reference || policy) over the whole vocabulary, (B, T), in nats.

        Args:
            language_model: the policy. hidden: its states, with gradient, (B, T, H).

        Source: Mukobi et al. 2023, SuperHF, section 3; the authors' code.
        """
        tokens = batch.tokens
        with torch.no_grad(), self.active() as frozen:
            states = completion_states(frozen.base_model, batch)[tokens]
            theirs = vocabulary_logits(frozen, states) / self._temperature
            theirs = theirs.log_softmax(-1)  # (N, V)
        ours = vocabulary_logits(language_model, hidden[tokens]) / self._temperature
        found = (theirs.exp() * (theirs - ours.log_softmax(-1))).sum(-1)
        empty = torch.zeros(tokens.shape, dtype=found.dtype, device=found.device)
        return empty.masked_scatter(tokens, found)

    @contextlib.contextmanager
    def active(self) -> Iterator[Any]:
        """Yield the reference as a language model."""
        if self.model is not None:
            yield self.model
        else:
            assert isinstance(self._policy, PeftModel)
            with self._policy.disable_adapter():
                yield plain(self._policy)


def without_dropout(module: nn.Module) -> None:
    """Turn every dropout off: old and new probabilities must come from one function.

    Source: Huang et al. 2024, detail on dropout.
    """
    for part in module.modules():
        if isinstance(part, nn.Dropout):
            part.p = 0.0
        for name in ("attention_dropout", "hidden_dropout", "activation_dropout"):
            if isinstance(getattr(part, name, None), float):
                setattr(part, name, 0.0)


def build(
    policy: PreTrainedModel,
    *,
    critic: CriticKind,
    reward: PreTrainedModel | None = None,
    lora: LoraPart | None = None,
    temperature: float = 1.0,
    checkpointing: bool = False,
) -> ActorCritic:
    """Return policy and critic, ready to train.

    Args:
        policy: the model to start from.
        critic: ``reward``: a network of its own that starts as the reward model, head
            included; ``zero``: one that starts as the policy's backbone with a head of
            zeros; ``shared``: a head of zeros on the policy's backbone; ``none``.
        reward: the reward model, for ``reward`` alone.
        lora: adapters for every trained backbone; heads are trained whole.

    Raises:
        ValueError: if the reward model cannot start a critic.
    """
    backbone: Any = None
    head: ValueHead | None = None
    if critic == "reward":
        if reward is None:
            raise ValueError("expected a reward model to start the critic, found none")
        head = ValueHead(int(reward.config.get_text_config().hidden_size))
        score = linear_head(reward)
        if score is None:
            raise ValueError(
                f"expected a linear reward head, found none on {type(reward).__name__}"
            )
        head.load(score)
        backbone = copy.deepcopy(reward.base_model)
    elif critic != "none":
        head = ValueHead(int(policy.config.get_text_config().hidden_size))
        if critic == "zero":
            backbone = copy.deepcopy(policy.base_model)
    actor: nn.Module = policy
    check_targets(lora, policy)
    if lora is not None:
        # Dropout would make old and new probabilities those of two functions.
        actor = get_peft_model(policy, adapters(lora, "CAUSAL_LM", dropout=0.0))
        if backbone is not None:
            backbone = get_peft_model(
                backbone, adapters(lora, "FEATURE_EXTRACTION", dropout=0.0)
            )
    for module in (actor, backbone):
        if module is not None:
            if checkpointing:
                checkpoint_activations(module)
            without_dropout(module)
    return ActorCritic(actor, critic=backbone, head=head, temperature=temperature)


def checkpoint_activations(model: Any) -> None:
    """Recompute activations in the backward pass instead of keeping them."""
    inner = plain(model)
    inner.gradient_checkpointing_enable(
        gradient_checkpointing_kwargs={"use_reentrant": False}
    )
    if isinstance(model, PeftModel):
        # With frozen embeddings nothing before the first adapter asks for gradients.
        inner.enable_input_require_grads()


def linear_head(model: nn.Module) -> nn.Linear | None:
    """Return a reward model's head if it is one linear map to one number."""
    for name in ("score", "classifier"):
        found = getattr(model, name, None)
        if isinstance(found, nn.Linear) and found.out_features == 1:
            return found
    return None
