"""Completions from a vLLM server over HTTP: sampling apart from learning.

Low-rank adapters only: after every update the adapter is written to disk and loaded by
the server under a new name, which needs VLLM_ALLOW_RUNTIME_LORA_UPDATING=True there and
a disk that both see. The server's own log-probabilities come back with the tokens, so
that small differences between its arithmetic and ours can be weighed.
"""

from __future__ import annotations

import json
import os
import random
import shutil
import urllib.error
import urllib.request
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any
from uuid import uuid4

import torch
from peft import PeftModel
from torch import Tensor, nn

from training.engine import processes
from training.engine.errors import FixableError
from training.engine.models import Loaded
from training.engine.online.rollout import Drawing, Rollout, prepared, rollout
from training.engine.sampling import Prompt, stop_ids

URL = "HONE_VLLM_URL"
_SECONDS = 600

_WHOLE = {
    "top_p": 1.0,
    "top_k": -1,
    "min_p": 0.0,
    "repetition_penalty": 1.0,
    "presence_penalty": 0.0,
    "frequency_penalty": 0.0,
}
"""What is not said, a server takes from the model's own generation_config.json."""


def server_url() -> str:
    """Return the server's address, which whoever runs the worker sets.

    It is no setting of a run: those who launch runs may not send workers anywhere.

    Raises:
        FixableError: if there is none.
    """
    url = os.environ.get(URL, "")
    if url.startswith(("http://", "https://")):
        return url
    raise FixableError(
        "There is no sampling server.",
        expected=f"the environment variable {URL} with a vLLM server's address",
        found=repr(url),
        fix="Start the worker with it, or set sampler to local.",
        field="params.sampler",
    )


class VLLMSampler:
    """Draws with a vLLM server that holds the same base model.

    Args:
        url: of the server, such as http://localhost:8000.
        folder: where adapters are written for the server to read.
    """

    def __init__(
        self, loaded: Loaded, drawing: Drawing, url: str, folder: Path
    ) -> None:
        if drawing.temperature != 1.0:
            raise FixableError(
                "The server's log-probabilities would be those of temperature 1.",
                expected="temperature 1 with sampler vllm",
                found=f"{drawing.temperature:g}",
                fix="Set temperature to 1, or sampler to local.",
                field="params.temperature",
            )
        self._loaded = loaded
        self._drawing = drawing
        self._url = url.rstrip("/")
        self._folder = folder
        self._model = str(self._call("/v1/models")["data"][0]["id"])
        # A server refuses a name it knows, from another run or before a resumption.
        self._run = processes.from_main(uuid4().hex[:8])
        self._held = ""

    def sync(self, policy: nn.Module, step: int) -> None:
        """Write the adapter of this update and let the server load it.

        Raises:
            FixableError: if the policy has no adapter, or the server refuses.
        """
        if not isinstance(policy, PeftModel):
            raise FixableError(
                "The server cannot be given whole weights.",
                expected="low-rank adapters with sampler vllm",
                found="a policy without",
                fix="Add lora to the specification, or set sampler to local.",
                field="lora",
            )
        name = f"update-{step}-{self._run}"
        if processes.is_main():
            self._give(policy, name)
        # Nobody asks the server for an adapter that it does not have yet.
        processes.meet()
        self._model = name

    def _give(self, policy: PeftModel, name: str) -> None:
        path = self._folder / name
        policy.save_pretrained(str(path))
        self._call(
            "/v1/load_lora_adapter",
            {"lora_name": name, "lora_path": str(path.resolve())},
        )
        if self._held:
            self._call("/v1/unload_lora_adapter", {"lora_name": self._held})
        self._held = name
        for old in self._folder.glob("update-*"):
            if old.name != name:
                shutil.rmtree(old)

    def sample(
        self,
        prompts: Sequence[Prompt],
        samples: int,
        *,
        seed: int,
        tick: Callable[[int], None],
    ) -> list[Rollout]:
        """Return completions with the server's log-probabilities."""
        heads = prepared(self._loaded, prompts, self._drawing)
        size = max(self._drawing.batch_size // samples, 1)
        found: list[Rollout] = []
        for start in range(0, len(heads), size):
            part = heads[start : start + size]
            choices = self._call(
                "/v1/completions",
                {
                    "model": self._model,
                    "prompt": part,
                    "n": samples,
                    "max_tokens": self._drawing.max_new_tokens,
                    "temperature": self._drawing.temperature,
                    **_WHOLE,
                    # The server counts a prompt's samples up from it.
                    "seed": random.Random(f"{seed}/{start}").getrandbits(31),
                    "logprobs": 0,
                    "return_token_ids": True,
                    "stop_token_ids": stop_ids(self._loaded),
                },
            ).get("choices", [])
            _require_tokens(choices, len(part) * samples)
            for choice in sorted(choices, key=lambda one: int(one["index"])):
                group = start + int(choice["index"]) // samples
                found.append(
                    rollout(
                        self._loaded,
                        prompts[group],
                        group,
                        heads[group],
                        choice["token_ids"],
                        [float(x) for x in choice["logprobs"]["token_logprobs"]],
                    )
                )
            tick(len(part) * samples)
        return found

    def _call(self, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
        request = urllib.request.Request(
            self._url + path,
            data=None if body is None else json.dumps(body).encode(),
            headers={"Content-Type": "application/json"},
        )
        try:
            with urllib.request.urlopen(request, timeout=_SECONDS) as answer:
                text = answer.read().decode()
        except (urllib.error.URLError, TimeoutError) as error:
            detail = ""
            if isinstance(error, urllib.error.HTTPError):
                detail = ": " + error.read().decode(errors="replace")[:300]
            raise FixableError(
                "The sampling server did not answer as it should.",
                expected=f"a vLLM server at {self._url}{path}",
                found=f"{error}{detail}",
                fix="Look whether it runs with the same base model, with LoRA enabled "
                "and VLLM_ALLOW_RUNTIME_LORA_UPDATING=True.",
                field="params.sampler",
            ) from error
        found = json.loads(text) if text.strip().startswith("{") else {}
        assert isinstance(found, dict)
        return found


def _require_tokens(choices: Sequence[dict[str, Any]], wanted: int) -> None:
    """Refuse an answer that does not say each completion's tokens and how likely.

    Raises:
        FixableError: saying what it lacks.
    """
    found = f"{len(choices)} completions"
    for choice in choices:
        told = (choice.get("logprobs") or {}).get("token_logprobs") or []
        if len(choice.get("token_ids") or []) != len(told) or None in told:
            found = "a completion without them"
            break
    else:
        if len(choices) == wanted:
            return
    raise FixableError(
        "The sampling server does not say what it drew.",
        expected=f"{wanted} completions with token_ids and as many token_logprobs",
        found=found,
        fix="Use a vLLM that knows return_token_ids, with its own completions API.",
        field="params.sampler",
    )


def importance(rollouts: Sequence[Rollout], old: Tensor, cap: float) -> Tensor:
    """Return each token's weight: our probability over the sampler's, at most ``cap``.

    Ones where the sampler told none, which is where it used our own weights.

    Args:
        old: our log-probabilities of the tokens, (N, T).

    Source: truncated importance sampling, as Yao et al. 2025 use it between sampler
    and trainer.
    """
    weights = torch.ones_like(old)
    for row, one in enumerate(rollouts):
        if one.logprobs is not None:
            theirs = torch.tensor(one.logprobs, dtype=old.dtype, device=old.device)
            count = len(one.logprobs)
            ratio = (old[row, :count] - theirs).exp()
            weights[row, :count] = ratio.clamp(max=cap)
    return weights
