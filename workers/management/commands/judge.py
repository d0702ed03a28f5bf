"""manage.py judge: let a model answer the tasks that are routed to AI."""

import json
import sys
from dataclasses import asdict
from typing import Any
from uuid import UUID

from django.core.management.base import BaseCommand, CommandParser
from tqdm import tqdm

from annotation.errors import HoneError
from annotation.services.answers import named_project
from config.dispatch import enqueue
from training.services.promoting import base_model
from workers.judges.asking import judge_actor, judge_tasks, waiting_for


class Command(BaseCommand):
    help = "Ask a reward model or a local causal model, in both orders."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--project", required=True, help="its slug")
        parser.add_argument("--model", type=UUID, help="id of a model version")
        parser.add_argument(
            "--source", help="a causal model from outside instead, as wheel:smollm2"
        )
        parser.add_argument("--limit", type=int, help="at most so many tasks")
        parser.add_argument(
            "--later", action="store_true", help="leave it to a worker of queue judge"
        )
        parser.add_argument("--json", action="store_true", help="print JSON")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            project = named_project(options["project"])
            model = options["model"]
            if options["source"]:
                model = base_model(
                    project=None, source=options["source"], role="judge"
                ).pk
            if model is None:
                raise HoneError(
                    "No judge is named.",
                    expected="--model or --source",
                    found="neither",
                    fix="Name a model version's id, or --source wheel:smollm2.",
                )
            if options["later"]:
                enqueue("workers.run_judge", project.pk, str(model), queue="judge")
                self.stdout.write("A worker of the queue judge will answer.")
                return
            waiting = waiting_for(judge_actor(project, model)).count()
            total = min(waiting, options["limit"] or waiting)
            with tqdm(total=total, unit=" tasks", disable=None, leave=False) as bar:
                judged = judge_tasks(
                    project=project,
                    model=model,
                    limit=options["limit"],
                    progress=bar.update,
                )
        except HoneError as error:
            self.stderr.write(self.style.ERROR(str(error)))
            sys.exit(2)
        if options["json"]:
            self.stdout.write(json.dumps(asdict(judged)))
            return
        self.stdout.write(
            f"{judged.tasks:,} tasks, {judged.answers:,} new answers, "
            f"{judged.abstained:,} abstained, {judged.tokens:,} tokens, "
            f"{judged.milliseconds / 1000:.1f} s."
        )
