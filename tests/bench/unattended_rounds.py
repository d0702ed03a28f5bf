"""Rounds that nobody looks after: three iterations with simulated annotators.

A platform of its own with real workers. People are simulated by ground truth: they
prefer the completion with more vowels, err now and then, lease tasks through the
service that the workspace uses and answer them. Everything else is the product:
snapshots, reward models, policies, sampling, the gate on 200 held-out prompts, the
watch, the next queue. Printed: what each round waited for and decided, and whether
the policy wins by the ground truth, which no model ever saw.
"""

import argparse
import json
import os
import random
import resource
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from tests.bench.frozen import mean_and_interval
from tests.bench.study import platform
from training.services.curation_heads import Floats

TINY = {"batch_size": 8, "max_length": 96}
LIMIT_SECONDS = 40 * 60
LOOK_SECONDS = 0.5
WORDS = ("pear", "plum", "fig", "oak", "ash", "elm", "red", "blue", "one", "two")
VOWELS = "aeiou"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--held-out", type=int, default=200)
    parser.add_argument("--labels", type=int, default=40, help="a round")
    parser.add_argument("--accuracy", type=float, default=0.9, help="of annotators")
    parser.add_argument("--policy", default="tiny:causal")
    parser.add_argument("--reward", default="tiny:encoder")
    parser.add_argument("--strategy", default="information")
    parser.add_argument("--new-tokens", type=int, default=16)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    began = time.monotonic()
    with platform() as var:
        from workers.loop.hands import workers_at_hand

        project, people = prepare(given, var)
        with workers_at_hand(var / "log"), beat(var):
            follow(project, people, given, began)
        report(project, given, time.monotonic() - began)


@contextmanager
def beat(var: Path) -> Iterator[None]:
    """Run beat, which looks at waiting rounds every few seconds."""
    with open(var / "log" / "beat.log", "ab") as out:
        process = subprocess.Popen(
            [sys.executable, "-m", "config.run", "beat"],
            stdout=out,
            stderr=out,
            env={**os.environ, "HONE_UPKEEP_SECONDS": "3"},
        )
    try:
        yield
    finally:
        process.terminate()
        process.wait(30)


def settings_of(given: argparse.Namespace) -> dict[str, Any]:
    return {
        "min_labels": given.labels,
        "min_pairs": 10,
        "max_rounds": given.rounds,
        "reward_base": given.reward,
        "policy_base": given.policy,
        "reward": {"params": {**TINY, "learning_rate": 1e-3, "epochs": 4}},
        "policy": {"params": {**TINY, "learning_rate": 1e-3}},
        "prompts": 60,
        "samples": 2,
        "sampling": {"max_new_tokens": given.new_tokens, "temperature": 1.0},
        "pairs": given.labels + given.labels // 2,
        "strategy": given.strategy,
        "on_policy_share": 0.5,
        "routing": "all-human",
        "gate": "sequential",
        "gate_prompts": given.held_out,
        "watch_pairs": 4,
        "evaluate": False,
        "seed": given.seed,
    }


def truth(text: str) -> float:
    """Return what the simulated annotators like: the share of vowels."""
    return sum(letter in VOWELS for letter in text.lower()) / max(len(text), 1)


def prepare(given: argparse.Namespace, var: Path) -> tuple[Any, list[Any]]:
    """Make a project, first labels, held-out prompts and annotators; start round 1."""
    from django.contrib.auth import get_user_model

    from annotation.models import Membership
    from annotation.services.importing import ImportOptions, import_file
    from annotation.services.projects import create_project
    from training.services import rounds

    draw = random.Random(given.seed)
    project = create_project(slug="unattended")
    rows = []
    for number in range(60 + given.held_out):
        texts = ["".join(draw.choices("aeioubcdfg ", k=24)) for _ in range(2)]
        better, worse = sorted(texts, key=truth, reverse=True)
        words = " ".join(draw.choices(WORDS, k=3))
        rows.append(
            {
                "prompt": f"say {words} {number}",
                "chosen": better,
                "rejected": worse,
                "split": "train" if number < 60 else "validation",
            }
        )
    file = var / "first.jsonl"
    file.write_text("\n".join(json.dumps(row) for row in rows))
    import_file(project=project, path=file, options=ImportOptions(closed=True))
    people = []
    for number in range(4):
        user = get_user_model().objects.create_user(f"annotator{number}")
        Membership.objects.create(project=project, user=user, role="annotator")
        people.append(user)
    rounds.start(project=project, settings=settings_of(given))
    return project, people


def follow(
    project: Any, people: list[Any], given: argparse.Namespace, began: float
) -> None:
    """Let annotators work while rounds go by themselves, to the last one's end."""
    from training.services import rounds

    draw = random.Random(given.seed + 1)
    said = ""
    while True:
        found = project.rounds.order_by("-number").first()
        words = f"round {found.number}: {found.get_state_display()}"
        if words != said:
            print(f"{time.monotonic() - began:6.0f} s  {words}", flush=True)
            said = words
        if found.state == "failed":
            raise SystemExit(f"{words}: {found.error}")
        if found.state in rounds.OVER and found.number >= given.rounds:
            return
        if time.monotonic() - began > LIMIT_SECONDS:
            raise SystemExit(f"over {LIMIT_SECONDS} s: {words}: {found.waiting_for}")
        for user in people:
            answer_one(project, user, draw, given.accuracy)
        time.sleep(LOOK_SECONDS)


def answer_one(project: Any, user: Any, draw: random.Random, accuracy: float) -> None:
    """Lease a task as the workspace does, and answer it."""
    from annotation.services.answering import submit
    from annotation.services.leasing import lease

    for held in lease(user=user, slug=project.slug, count=1).held:
        a, b = held.completions
        texts = [str(each["messages"][-1]["content"]) for each in (a, b)]
        is_a = (truth(texts[0]) > truth(texts[1])) == (draw.random() < accuracy)
        question = next(q for q in held.questions if q["kind"] == "compare")
        outcome = "a" if is_a else "b"
        options = (question.get("scale") or {}).get("options", [])
        offered = [o["strength"] for o in options if o["outcome"] == outcome]
        judgment = {
            "kind": "compare",
            "question": question["id"],
            "criterion": question.get("criterion"),
            "a": str(a["id"]),
            "b": str(b["id"]),
            "outcome": outcome,
            "strength": offered[0] if offered else None,
            "scale": question["scale"]["id"] if question.get("scale") else None,
        }
        submit(
            user=user,
            assignment=held.id,
            client_id=uuid.UUID(int=draw.getrandbits(128)),
            judgments=[judgment],
            active_ms=800,
            protocol_version=held.protocol_version,
        )


def report(project: Any, given: argparse.Namespace, seconds: float) -> None:
    """Print each round's verdict beside the ground truth's."""
    from annotation.models import Assignment, Feedback

    promoted = 0
    for found in project.rounds.order_by("number"):
        promoted += bool(found.promoted)
        gate, watch = found.report["gate"], found.report["watch"]
        counts = found.counts
        print(
            f"round {found.number}: {counts['labels']} new labels, {counts['pairs']} "
            f"pairs to learn from, {counts['tasks']} new tasks"
        )
        print(
            f"  gate: {gate['verdict']}, win rate {gate['win_rate']:.3f} "
            f"[{gate['low']:.3f}, {gate['high']:.3f}] after {gate['used']} of "
            f"{gate['observations']} prompts; promoted: {found.promoted}"
        )
        true = "{:.3f} [{:.3f}, {:.3f}]".format(*mean_and_interval(true_wins(found)))
        print(f"  by the ground truth the new policy wins {true}")
        print(
            f"  watch: {watch['alarms']} alarms, {watch['sent_to_people']} sent to "
            f"people; KL {watch['policy']['kl']:.2f} nats; endings that spread: "
            f"{len(watch['policy']['endings_risen'])}"
        )
        if found.report.get("stopped"):
            print(f"  stopped: {found.report['stopped']}")
    people = Feedback.objects.filter(
        project=project, assignment__origin=Assignment.Origin.HUMAN
    ).count()
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    print(
        f"{project.rounds.count()} rounds, {promoted} promotions, {people} answers of "
        f"simulated people, {seconds / 60:.1f} minutes of wall clock, "
        f"{(used.ru_utime + used.ru_stime) / 60:.1f} CPU minutes of processes"
    )


def true_wins(found: Any) -> Floats:
    """Return the ground truth's win rate of the new policy on each held-out prompt."""
    from annotation.models import Completion
    from training.services.round_gate import wins_by_score
    from training.services.round_sampling import by_prompt, generations, sampled

    samples = [each for run in generations(found) for each in sampled(run)]
    old, new = (by_prompt(samples, which, held_out=True) for which in ("old", "new"))
    ids = {pk for side in (old, new) for kept in side.values() for pk in kept}
    texts = Completion.objects.in_bulk(ids)
    scores = {pk: truth(row.text) for pk, row in texts.items()}
    return np.array(wins_by_score(old, new, scores))


if __name__ == "__main__":
    main()
