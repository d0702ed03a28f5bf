"""The sampling server's protocol, spoken to a stand-in on this machine."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.engine.support import Workspace
from training.engine.online.rollout import Rollout
from training.engine.online.vllm import URL, importance
from training.engine.sampling import Prompt


class StandIn(BaseHTTPRequestHandler):
    """Answers as vLLM does: every completion is three tokens, the last the end."""

    heard: list[tuple[str, dict[str, Any]]]
    names: set[str]
    end = 2
    says_tokens = True

    def do_GET(self) -> None:
        """Name the base model."""
        self._say({"data": [{"id": "base"}]})

    def do_POST(self) -> None:
        """Complete prompts, or load an adapter."""
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.heard.append((self.path, body))
        if self.path == "/v1/unload_lora_adapter":
            self.names.remove(body["lora_name"])
            self._say("Success")
            return
        if self.path == "/v1/load_lora_adapter":
            if body["lora_name"] in self.names:
                self._say({"error": "has already been loaded"}, 400)
                return
            self.names.add(body["lora_name"])
            ready = (Path(body["lora_path"]) / "adapter_config.json").is_file()
            self._say("Success" if ready else {"error": "none"}, 200 if ready else 400)
            return
        count = len(body["prompt"]) * body["n"]
        choices = [
            {
                "index": index,
                "token_ids": [10 + index % 5, 20, self.end]
                if self.says_tokens
                else None,
                "logprobs": {"token_logprobs": [-6.0, -6.1, -6.2]},
            }
            for index in reversed(range(count))
        ]
        self._say({"choices": choices})

    def _say(self, what: Any, status: int = 200) -> None:
        text = what if isinstance(what, str) else json.dumps(what)
        self.send_response(status)
        self.end_headers()
        self.wfile.write(text.encode())

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[type[StandIn]]:
    """A stand-in whose address the worker knows."""
    StandIn.heard, StandIn.names = [], set()
    http = ThreadingHTTPServer(("127.0.0.1", 0), StandIn)
    thread = threading.Thread(target=http.serve_forever, daemon=True)
    thread.start()
    monkeypatch.setenv(URL, f"http://127.0.0.1:{http.server_port}")
    yield StandIn
    http.shutdown()
    http.server_close()


PARAMS = {
    "sampler": "vllm",
    "rule": "length",
    "prompts_per_update": 4,
    "samples": 2,
    "sampling_batch_size": 4,
    "max_new_tokens": 6,
    "minibatch": 4,
    "critic": "shared",
}


def test_server_draws_and_is_given_every_updates_adapter(
    workspace: Workspace, server: type[StandIn]
) -> None:
    spec = workspace.spec("ppo", params=PARAMS, lora={"r": 2}, limits={"max_steps": 2})
    run = workspace.run(spec, "run")
    assert run.code == 0, run.status["error"]
    paths = [path for path, _ in server.heard]
    update = ["/v1/completions"] * 2 + ["/v1/load_lora_adapter"]
    assert paths == [*update, *update, "/v1/unload_lora_adapter"]
    asked = [body for path, body in server.heard if path == "/v1/completions"]
    models = [body["model"] for body in asked]
    assert models[:2] == ["base"] * 2
    assert models[2] == models[3]
    assert models[2].startswith("update-1-")
    assert len({body["seed"] for body in asked}) == len(asked)
    assert all(body["n"] == 2 and len(body["prompt"]) == 2 for body in asked)
    # Said outright: a model's own settings may cut or bend the distribution.
    whole = {"temperature": 1.0, "top_p": 1.0, "top_k": -1, "min_p": 0.0}
    whole |= {"repetition_penalty": 1.0, "presence_penalty": 0.0}
    assert {name: asked[0][name] for name in whole} == whole
    assert server.end in asked[0]["stop_token_ids"]
    metrics = [e["metrics"] for e in run.events if e["event"] == "metrics"]
    assert metrics[0]["completion/tokens"] == 3.0
    assert metrics[0]["completion/ended_share"] == 1.0
    # Only the newest adapter is kept for the server.
    kept = [path.name for path in (run.out / "adapters").iterdir()]
    assert kept == list(server.names)
    assert len(kept) == 1
    # A run that goes on, or another one, meets a server that knows earlier names.
    again = workspace.run(spec, "run", resume_from=(run.out,))
    assert again.code == 0, again.status["error"]


def test_server_that_names_no_tokens_is_refused(
    workspace: Workspace, server: type[StandIn], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server, "says_tokens", False)
    spec = workspace.spec("ppo", params=PARAMS, lora={"r": 2}, limits={"max_steps": 1})
    run = workspace.run(spec, "run")
    assert run.code == 2
    assert run.status["error"]["field"] == "params.sampler"
    assert "token_ids" in run.status["error"]["expected"]


@pytest.mark.parametrize(
    ("params", "lora", "field"),
    [
        ({}, None, "lora"),
        ({"temperature": 0.7}, {"r": 2}, "params.temperature"),
        ({"url": ""}, {"r": 2}, "params.sampler"),
        ({"url": "http://127.0.0.1:9"}, {"r": 2}, "params.sampler"),
    ],
)
def test_what_the_server_cannot_do_is_refused(
    workspace: Workspace,
    server: type[StandIn],
    monkeypatch: pytest.MonkeyPatch,
    params: dict[str, Any],
    lora: dict[str, int] | None,
    field: str,
) -> None:
    if "url" in params:
        monkeypatch.setenv(URL, params.pop("url"))
    spec = workspace.spec(
        "ppo", params=PARAMS | params, lora=lora, limits={"max_steps": 1}
    )
    run = workspace.run(spec, "run")
    assert run.code == 2
    assert run.status["error"]["field"] == field


def test_weights_are_our_probability_over_the_servers_up_to_a_bound() -> None:
    old = torch.tensor([[-1.0, -2.0, 0.0], [-1.0, -1.0, -1.0]])
    theirs = Rollout(Prompt("p", []), 0, [1], [5, 6], True, "", [-1.5, -5.0])
    ours = Rollout(Prompt("p", []), 0, [1], [5, 6, 7], True, "")
    found = importance([theirs, ours], old, 2.0)
    assert found[0].tolist() == pytest.approx(
        [torch.tensor(0.5).exp().item(), 2.0, 1.0]
    )
    assert found[1].tolist() == [1.0, 1.0, 1.0]
