"""Measure: a judge's calls a second against a bare HTTP loop at the same concurrency.

Both ask the same server the same kind of question, in turns, round after round, either
first in every other round. The judge does all of its work in that time: tasks read,
calls looked up, replies stored before use, answers written. Processor time is of this
process; the server and the database have their own. Without --url a server of the
tests' own answers after a fixed pause; with --url any OpenAI-compatible server does
(its replies need not be good). Prints JSON; exit 1 if the median ratio is below 0.9.

    python -m tests.bench.judge_throughput
    python -m tests.bench.judge_throughput --url http://127.0.0.1:8000/v1 --model NAME
"""

from __future__ import annotations

import argparse
import http.client
import json
import os
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

import numpy as np

from tests.bench.frozen import mean_and_interval
from tests.bench.study import ROOT, platform

WANTED = 0.9


def serve(pause: float) -> None:
    """Answer after a pause, in a process of its own, until standard input ends."""
    from tests.workers.judge_server import Plan, serving

    plan = Plan(shares={"A": 0.7, "B": 0.3}, hang=pause)
    with serving(lambda asked, n: plan) as server:
        print(server.url, flush=True)
        sys.stdin.read()


@contextmanager
def own_server(pause: float) -> Iterator[str]:
    command = [sys.executable, "-m", "tests.bench.judge_throughput"]
    with subprocess.Popen(
        [*command, "--serve", str(pause)],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None and process.stdin is not None
        yield process.stdout.readline().strip()
        process.stdin.close()


def timed(job: Callable[[], object]) -> tuple[float, float]:
    """Return a job's seconds, and those of processor time in all of our threads."""
    began, worked = time.monotonic(), time.process_time()
    job()
    return time.monotonic() - began, time.process_time() - worked


def bare(url: str, bodies: Sequence[bytes], width: int) -> None:
    """Post the bodies over kept connections."""
    parts = urlsplit(url)
    local = threading.local()
    headers = {"Content-Type": "application/json"}

    def post(body: bytes) -> None:
        if not hasattr(local, "connection"):
            local.connection = http.client.HTTPConnection(
                str(parts.hostname), parts.port, timeout=120
            )
        local.connection.request(
            "POST", f"{parts.path}/chat/completions", body, headers
        )
        response = local.connection.getresponse()
        if response.status != 200:
            raise SystemExit(f"error: expected 200, found {response.status}")
        json.loads(response.read())

    with ThreadPoolExecutor(width) as pool:
        list(pool.map(post, bodies))


def study(arguments: argparse.Namespace, url: str) -> dict[str, Any]:
    from annotation.models import Judge
    from annotation.services.judge_settings import parse_settings
    from tests.factories import make_project, make_tasks
    from workers.judges import Judged, judge_tasks
    from workers.judges.calls import Call
    from workers.judges.choosing import LETTER_TOKENS
    from workers.judges.endpoint import Endpoint
    from workers.judges.instructions import ONE_LETTER, as_messages
    from workers.judges.ledger import Ledger
    from workers.judges.presenting import presented

    told = {
        "url": url,
        "model": arguments.model,
        "logprobs": not arguments.url,
        "samples": 1,
        "timeout_seconds": 120,
    }
    rounds = []
    project = make_project("throughput")
    judge = Judge.objects.create(
        project=project,
        name="stub",
        backend="endpoint",
        settings=told,
        concurrency=arguments.concurrency,
        price_prompt=1,
        price_completion=1,
    )
    transport = Endpoint(parse_settings(told), Ledger(judge), arguments.concurrency)

    def bodies(count: int) -> list[bytes]:
        tasks = make_tasks(project, count, route="human")
        found = []
        for item in presented([task.pk for task in tasks]):
            text = f"{item.questions[0].text}\n{ONE_LETTER.format(letters='A or B')}"
            call = Call(as_messages(item, text), LETTER_TOKENS, 1.0, ("A", "B"))
            found.append(transport._body(call))
        return found

    def turn(count: int, *, bare_first: bool = True) -> dict[str, float]:
        asked = bodies(count)
        tasks = [task.pk for task in make_tasks(project, count, route="ai")]
        judged: list[Judged] = []
        jobs = {
            "bare": lambda: bare(url, asked, arguments.concurrency),
            "judge": lambda: judged.append(judge_tasks(judge=judge, tasks=tasks)),
        }
        spent = {
            name: timed(jobs[name]) for name in sorted(jobs, reverse=not bare_first)
        }
        if judged[0].calls != len(asked) or judged[0].failed:
            raise SystemExit(f"error: expected {len(asked)} calls, found {judged[0]}")
        found: dict[str, float] = {"abstained": judged[0].abstained}
        for name, (seconds, cpu_seconds) in spent.items():
            found[f"{name}_calls_a_second"] = len(asked) / seconds
            found[f"{name}_cpu_us_a_call"] = 1e6 * cpu_seconds / len(asked)
        return found | {"ratio": spent["bare"][0] / spent["judge"][0]}

    turn(max(2, arguments.tasks // 10))  # connections, plans and caches are warm now
    for number in range(arguments.rounds):
        rounds.append(turn(arguments.tasks, bare_first=number % 2 == 0))
    transport.close()
    ratios = [each["ratio"] for each in rounds]
    mean, low, high = mean_and_interval(np.array(ratios))
    return {
        "concurrency": arguments.concurrency,
        "calls_a_round": 2 * arguments.tasks,
        "load": os.getloadavg()[0],
        "rounds": rounds,
        "ratio_median": statistics.median(ratios),
        "ratio_mean": mean,
        "ratio_interval": [low, high],
        "ratio_least": min(ratios),
        "ratio_most": max(ratios),
        **{
            name: statistics.median(each[name] for each in rounds)
            for name in ("bare_cpu_us_a_call", "judge_cpu_us_a_call")
        },
    }


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--url", default="", help="an OpenAI-compatible server")
    parser.add_argument("--model", default="stub")
    parser.add_argument("--concurrency", type=int, default=8)
    parser.add_argument("--tasks", type=int, default=150, help="a round, asked twice")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--pause", type=float, default=0.1, help="of our own server")
    parser.add_argument("--serve", type=float, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.serve is not None:
        serve(arguments.serve)
        return 0
    with platform():
        if arguments.url:
            found = study(arguments, arguments.url)
        else:
            with own_server(arguments.pause) as url:
                found = study(arguments, url)
    print(json.dumps(found, indent=2))
    return 0 if found["ratio_median"] >= WANTED else 1


if __name__ == "__main__":
    sys.exit(main())
