"""manage.py generate: sample completions and, if wanted, ask about them."""

from typing import Any

from django.core.management.base import CommandParser

from annotation.models import Project
from training.management.launch_command import LaunchCommand, chosen_model
from training.models import TrainingRun
from training.services.generating import choose_prompts
from training.services.launching import launch


class Command(LaunchCommand):
    help = "Sample completions of a project's prompts from a policy."

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("--prompts", type=int, help="how many; all if left out")
        parser.add_argument(
            "--split",
            action="append",
            choices=["train", "validation", "test"],
            help="of the prompts; train if left out",
        )
        parser.add_argument("--samples", type=int, default=2, help="for each prompt")
        parser.add_argument(
            "--tasks",
            action="store_true",
            help="ask about a prompt's completions as soon as they are there",
        )

    def launch(self, project: Project, options: dict[str, Any]) -> TrainingRun:
        common = self.common(options)
        common["params"] = {"samples": options["samples"], **common["params"]}
        inputs: dict[str, Any] = {
            "prompt_ids": choose_prompts(
                project=project,
                limit=options["prompts"],
                splits=options["split"] or ["train"],
                seed=options["seed"],
            )
        }
        if options["tasks"]:
            inputs |= {"import_live": True, "tasks": {}}
        return launch(
            project=project,
            kind="generate",
            model=chosen_model(project, options, role="policy"),
            inputs=inputs,
            **common,
        )
