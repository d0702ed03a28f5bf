"""Heads: from a backbone's states to components, each a small module."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

Options = Mapping[str, Any]


@dataclass(frozen=True)
class Features:
    """What a backbone saw in U sequences.

    Attributes:
        last: state of the last token (causal) or the first (encoder), shape (U, H).
        prompt: state at the prompt's end, which knows nothing of the completion,
            shape (U, H); None unless the head wants it.
        tokens: all states, shape (U, T, H); None unless the head wants them.
        ends: True at the last token of each segment, shape (U, T); None as above.
        users: whose opinion is asked, -1 for nobody's, shape (U,).
        latent: the user's latent state, shape (U, Z); None means the prior's mean.
        numbers: what somebody rated of each completion, shape (U, F).
        vocabulary: states to logits as the backbone has them, if it has such a head.
    """

    last: Tensor
    prompt: Tensor | None = None
    tokens: Tensor | None = None
    ends: Tensor | None = None
    users: Tensor | None = None
    latent: Tensor | None = None
    numbers: Tensor | None = None
    vocabulary: Callable[[Tensor], Tensor] | None = None


@dataclass(frozen=True)
class Output:
    """What a head says of U sequences.

    Attributes:
        values: components, shape (U, K).
        weights: of the components, shape (U, K); None where they are fixed.
        log_weights: their logarithm, exact where a weight is tiny.
        tokens: log-odds of each token's classes, shape (U, T, C).
        vectors: for comparisons that no score can express, shape (U, 2m).
        blocks: weights of the vectors' blocks, shape (U, m).
        answers: log-probabilities of the two answers, shape (U, 2).
    """

    values: Tensor
    weights: Tensor | None = None
    log_weights: Tensor | None = None
    tokens: Tensor | None = None
    vectors: Tensor | None = None
    blocks: Tensor | None = None
    answers: Tensor | None = None


class Head(nn.Module):
    """A head of a given width.

    Attributes:
        wants: what it needs beside the last state: prompt, tokens, vocabulary.
    """

    wants: frozenset[str] = frozenset()

    def forward(self, features: Features) -> Output:
        """Return the components of every sequence."""
        raise NotImplementedError

    @staticmethod
    def needed(value: Tensor | None, name: str) -> Tensor:
        """Return a feature that must be there."""
        if value is None:
            raise ValueError(f"expected the feature {name}, found none")
        return value


class LinearHead(Head):
    """K scores, linear in the last state; K = 1 is the usual reward head.

    Options: ``components`` K; ``users``, the rows of a table of log-likelihoods
    (``totals``); ``domains``, the rows of a table of gradients (``momentum``);
    ``tie_width``, where to start learning how near scores must be to tie.
    """

    totals: Tensor
    momentum: Tensor

    def __init__(self, width: int, options: Options) -> None:
        super().__init__()
        count = int(options.get("components", 1))
        self.linear = nn.Linear(width, count, bias=False)
        nn.init.normal_(self.linear.weight, std=1 / (width + 1))
        if "tie_width" in options:
            start = torch.tensor(float(options["tie_width"]))
            self.raw_width = nn.Parameter(torch.log(torch.expm1(start)))
        if "users" in options:
            self.register_buffer("totals", torch.zeros(int(options["users"]), count))
        if "domains" in options:
            domains = torch.zeros(int(options["domains"]), width)
            self.register_buffer("momentum", domains)

    @property
    def tie_width(self) -> Tensor:
        """How near scores must be to tie, above 0."""
        return F.softplus(self.raw_width)

    def forward(self, features: Features) -> Output:
        return Output(self.linear(features.last))


class GateHead(LinearHead):
    """K linear scores, mixed by a softmax over the scores from the prompt's end.

    The softmax is taken over the K scores. The released training script takes it over
    the two sides of a pair, whose prompts are equal, so every weight is 1/2; and it
    leaves out the debiasing that scoring uses. Here both stages score alike.

    Options: ``components``, ``gate_width``, ``gate_layers``, ``gate_dropout``.

    Source: Wang et al. 2024, ArmoRM, section 3.2.
    """

    wants = frozenset({"prompt"})
    temperature = 10.0
    scale = 1.0

    def __init__(self, width: int, options: Options) -> None:
        super().__init__(width, {"components": options["components"]})
        count = self.linear.out_features
        hidden = int(options.get("gate_width", 1024))
        layers: list[nn.Module] = []
        size = width
        for _ in range(int(options.get("gate_layers", 3))):
            layers += [nn.Linear(size, hidden), nn.ReLU()]
            layers.append(nn.Dropout(float(options.get("gate_dropout", 0.2))))
            size = hidden
        self.gate = nn.Sequential(*layers, nn.Linear(size, count))
        self.register_buffer("shares", torch.zeros(count))

    shares: Tensor

    def forward(self, features: Features) -> Output:
        prompt = self.needed(features.prompt, "prompt")
        raw = self.linear(features.last)
        values = raw - self.shares * raw[:, -1:]  # what is due to the last one goes
        log_weights = F.log_softmax(self.gate(prompt) / self.temperature, -1)
        log_weights = log_weights + math.log(self.scale)
        return Output(values, log_weights.exp(), log_weights)


class MixtureHead(LinearHead):
    """K linear scores of hidden groups, and a router that weighs them by prompt.

    Source: Shen et al. 2025, MiCRo (one hidden layer of 128).
    """

    wants = frozenset({"prompt"})

    def __init__(self, width: int, options: Options) -> None:
        super().__init__(width, {"components": options["components"]})
        hidden = int(options.get("router_width", 128))
        self.router = nn.Sequential(
            nn.Linear(width, hidden),
            nn.ReLU(),
            nn.Linear(hidden, self.linear.out_features),
        )

    def forward(self, features: Features) -> Output:
        prompt = self.needed(features.prompt, "prompt")
        log_weights = F.log_softmax(self.router(prompt), -1)
        return Output(self.linear(features.last), log_weights.exp(), log_weights)


class SkewHead(Head):
    """Vectors of 2m numbers whose skew product says who wins; cycles are possible.

    Its one component is nothing by itself: see ``skew_score``. Options: ``blocks`` m,
    ``gated`` for weights of the blocks from the prompt (softmax times m).

    Source: Zhang et al. 2024, General Preference Modeling (GPM), section 4.
    """

    def __init__(self, width: int, options: Options) -> None:
        super().__init__()
        count = int(options.get("blocks", 1))
        self.linear = nn.Linear(width, 2 * count, bias=False)
        nn.init.normal_(self.linear.weight, std=1 / (width + 1))
        self.gate = nn.Linear(width, count) if options.get("gated") else None
        if self.gate is not None:
            self.wants = frozenset({"prompt"})

    def forward(self, features: Features) -> Output:
        vectors = self.linear(features.last)
        blocks = torch.ones_like(vectors[:, ::2])
        if self.gate is not None:
            prompt = self.needed(features.prompt, "prompt")
            blocks = torch.softmax(self.gate(prompt), -1) * blocks.shape[1]
        nothing = torch.zeros_like(vectors[:, :1])
        return Output(nothing, vectors=vectors, blocks=blocks)


def skew_score(first: Tensor, second: Tensor, blocks: Tensor) -> Tensor:
    """Return S(1, 2) = sum_i l_i (v1_2i-1 v2_2i - v1_2i v2_2i-1), so S(2, 1) = -S.

    Args:
        first, second: vectors of both sides, shape (..., 2m).
        blocks: l, shape (..., m).

    Source: Zhang et al. 2024 (GPM), eq. 5.
    """
    odd, even = first[..., ::2], first[..., 1::2]
    other_odd, other_even = second[..., ::2], second[..., 1::2]
    return (blocks * (odd * other_even - even * other_odd)).sum(-1)


class VerdictHead(Head):
    """The log-odds of one answer token over another, by the model's own vocabulary.

    Options: ``answers``, the two token ids.

    Source: RLBFF (r = log p(Yes) - log p(No)); RLHF Workflow (pair model).
    """

    wants = frozenset({"vocabulary"})

    def __init__(self, width: int, options: Options) -> None:
        super().__init__()
        yes, no = options["answers"]
        self.answers = (int(yes), int(no))

    def forward(self, features: Features) -> Output:
        if features.vocabulary is None:
            raise ValueError("expected a language-model head, found none")
        logits = features.vocabulary(features.last).float()  # (U, V)
        found = torch.log_softmax(logits, -1)[:, list(self.answers)]
        return Output((found[:, :1] - found[:, 1:]), answers=found)


class IdealPointHead(Head):
    """Scores how near a completion lies to what a user wants, a mix of K prototypes.

    Options: ``components`` K; ``users``; ``dimension``; ``by_prompt``: False, points
    in space and minus a distance (PAL-A); True, directions from the prompt and a
    scaled cosine (PAL-B). Nobody's opinion is that of the average user.

    Source: Chen et al. 2024, PAL: Pluralistic Alignment Framework, the authors' code.
    """

    def __init__(self, width: int, options: Options) -> None:
        super().__init__()
        count, size = int(options["components"]), int(options.get("dimension", 512))
        self.project = nn.Sequential(
            nn.Linear(width, size), nn.GELU(), nn.Linear(size, size)
        )
        self.users = nn.Parameter(torch.zeros(int(options["users"]), count))
        nn.init.normal_(self.users, std=0.1)
        self.by_prompt = bool(options.get("by_prompt"))
        if self.by_prompt:
            self.wants = frozenset({"prompt"})
            self.directions = nn.Linear(width, count * size)
            self.log_scale = nn.Parameter(torch.tensor(math.log(1 / 0.07)))
        else:
            self.prototypes = nn.Parameter(torch.randn(count, size) / size**0.5)

    def shares(self, users: Tensor | None, count: int) -> Tensor:
        """Return each row's weights of the prototypes, on the simplex, (U, K)."""
        every = torch.softmax(self.users, -1)
        average = every.mean(0).expand(count, -1)
        if users is None:
            return average
        return torch.where((users >= 0)[:, None], every[users.clamp(min=0)], average)

    def forward(self, features: Features) -> Output:
        point = self.project(features.last)  # (U, D)
        shares = self.shares(features.users, len(point))
        if not self.by_prompt:
            ideal = shares @ self.prototypes
            return Output(-(point - ideal).norm(dim=-1, keepdim=True))
        prompt = self.needed(features.prompt, "prompt")
        directions = self.directions(prompt).view(len(point), shares.shape[1], -1)
        ideal = (shares[:, :, None] * directions).sum(1)
        scale = self.log_scale.exp().clamp(max=100.0)
        cosine = F.cosine_similarity(point, ideal, dim=-1)
        return Output((scale * cosine)[:, None])


class LatentHead(Head):
    """Scores a completion for a latent user, inferred from that user's own pairs.

    The latent is drawn as ``mu + sd eps`` in training and is ``mu`` in use; for
    nobody it is 0, the prior's mean. The released code normalises it in training
    alone, so that the two differ in scale; here neither is normalised.

    Options: ``latent``, ``hidden``.

    Source: Poddar et al. 2024, Personalizing RLHF with Variational Preference
    Learning, the authors' code.
    """

    def __init__(self, width: int, options: Options) -> None:
        super().__init__()
        self.size = int(options.get("latent", 512))
        hidden = int(options.get("hidden", 512))
        self.read = nn.Sequential(
            nn.Linear(2 * width, hidden),
            nn.LeakyReLU(0.2),
            nn.Linear(hidden, hidden),
            nn.LeakyReLU(0.2),
            nn.Linear(hidden, self.size),
        )
        self.query = nn.Linear(self.size, self.size)
        self.key = nn.Linear(self.size, self.size)
        self.value = nn.Linear(self.size, self.size)
        self.mean = nn.Linear(self.size, self.size)
        self.log_variance = nn.Linear(self.size, self.size)
        self.decode = nn.Sequential(
            nn.Linear(width + self.size, hidden),
            nn.LeakyReLU(0.2),
            nn.Linear(hidden, 1),
        )

    def infer(
        self, chosen: Tensor, rejected: Tensor, present: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Return mean and log-variance of the latent, (B, Z); 0 without pairs.

        Args:
            chosen, rejected: states of a user's pairs, shape (B, N, H).
            present: True where there is a pair, shape (B, N).
        """
        pairs = self.read(torch.cat([chosen, rejected], -1))  # (B, N, Z)
        attention = self.query(pairs) @ self.key(pairs).transpose(1, 2)
        attention = attention / self.size**0.5
        least = torch.finfo(attention.dtype).min
        attention = attention.masked_fill(~present[:, None, :], least).softmax(-1)
        mixed = attention @ self.value(pairs)
        weight = present.to(mixed.dtype)[:, :, None]
        pooled = (mixed * weight).sum(1) / weight.sum(1).clamp(min=1)
        known = present.any(1, keepdim=True)
        mean = self.mean(pooled).clamp(-1, 1)
        log_variance = self.log_variance(pooled).clamp(-1, 1)
        return torch.where(known, mean, 0.0), torch.where(known, log_variance, 0.0)

    def forward(self, features: Features) -> Output:
        latent = features.latent
        if latent is None:
            latent = features.last.new_zeros(len(features.last), self.size)
        return Output(self.decode(torch.cat([features.last, latent], -1)))
