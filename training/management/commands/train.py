"""manage.py train: launch a reward or DPO run on a snapshot."""

import json
from typing import Any

from django.core.management.base import CommandParser

from annotation.models import Project
from training.management.launch_command import (
    LaunchCommand,
    chosen_model,
    chosen_snapshot,
    known_model,
)
from training.models import TrainingRun
from training.services.launching import launch


class Command(LaunchCommand):
    help = "Train a reward model or a policy on a snapshot (docs/rounds.md)."

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument(
            "--kind", choices=["reward", "dpo", "ppo", "online"], required=True
        )
        parser.add_argument("--snapshot", default="latest", help="an id, or latest")
        parser.add_argument("--reference", help="id of a model; the start if left out")
        parser.add_argument(
            "--reward-model", help="id of the model that scores completions (ppo)"
        )
        parser.add_argument(
            "--lora",
            type=json.loads,
            help="low-rank adapters, such as '{\"r\": 16}'; full weights if left out",
        )
        parser.add_argument("--launcher", choices=["local", "accelerate"])

    def launch(self, project: Project, options: dict[str, Any]) -> TrainingRun:
        role = "encoder" if options["kind"] == "reward" else "policy"
        reference, judge = options["reference"], options["reward_model"]
        return launch(
            project=project,
            kind=options["kind"],
            snapshot=chosen_snapshot(project, options["snapshot"]),
            model=chosen_model(project, options, role=role),
            reference=known_model(project, reference) if reference else None,
            lora=options["lora"],
            inputs={"reward_model": str(known_model(project, judge).pk)}
            if judge
            else {},
            launcher=options["launcher"] or "local",
            **self.common(options),
        )
