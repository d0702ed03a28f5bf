"""manage.py judge: let a judge answer the tasks that are routed to AI."""

import json
import sys
from dataclasses import asdict
from typing import Any
from uuid import UUID

from django.core.management.base import BaseCommand, CommandParser
from tqdm import tqdm

from annotation.errors import HoneError, NotFound
from annotation.models import Judge, Project
from annotation.services.answers import named_project
from annotation.services.judges import (
    judge_for_model,
    resume,
    start_batch,
    start_tags,
    waiting_for,
)
from training.services.promoting import base_model
from workers.judges.asking import judge_tasks
from workers.judges.keeping import Judged
from workers.judges.registry import version_of


class Command(BaseCommand):
    help = "Ask a judge, in both orders. What was asked before is not paid for again."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--project", required=True, help="its slug")
        parser.add_argument("--judge", help="name of a judge of the project")
        parser.add_argument("--model", type=UUID, help="or the id of a model version")
        parser.add_argument(
            "--source", help="or a causal model from outside, as wheel:smollm2"
        )
        parser.add_argument("--limit", type=int, help="at most so many tasks")
        parser.add_argument(
            "--again", action="store_true", help="start it even if it was stopped"
        )
        parser.add_argument(
            "--tags",
            action="store_true",
            help="ask what kind of request each prompt is instead, for routing",
        )
        parser.add_argument(
            "--later", action="store_true", help="leave it to a worker of queue judge"
        )
        parser.add_argument("--json", action="store_true", help="print JSON")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            judge = self._judge(named_project(options["project"]), options)
            if options["again"]:
                resume(judge)
            if options["later"]:
                start_tags(judge) if options["tags"] else start_batch(judge)
                self.stdout.write("A worker of the queue judge will answer.")
                return
            judged = self._work(judge, options["limit"], tags=options["tags"])
        except HoneError as error:
            self.stderr.write(self.style.ERROR(str(error)))
            sys.exit(2)
        if options["json"]:
            self.stdout.write(json.dumps(asdict(judged), default=str))
        else:
            self.stdout.write(
                f"{judged.tasks:,} tasks, {judged.answers:,} new answers, "
                f"{judged.abstained:,} abstained, {judged.failed:,} failed, "
                f"{judged.calls:,} calls ({judged.cached:,} known already), "
                f"{judged.tokens:,} tokens, {judged.cost} spent, "
                f"{judged.milliseconds / 1000:.1f} s."
            )
        if judged.stopped:
            judge.refresh_from_db()
            problem = judge.problem or {}
            self.stderr.write(
                self.style.ERROR(
                    f"Stopped ({judged.stopped}): {problem.get('message')} "
                    f"{problem.get('fix')}"
                )
            )
            sys.exit(3)

    def _work(self, judge: Judge, limit: int | None, *, tags: bool) -> Judged:
        if tags:
            # Late: whoever only judges does not pay for the libraries.
            from workers.routing.tagging import tag_tasks, untagged

            waiting = untagged(judge).count()
        else:
            waiting = waiting_for(judge).count()
        total = min(waiting, limit or waiting)
        with tqdm(total=total, unit=" tasks", disable=None, leave=False) as bar:
            work = tag_tasks if tags else judge_tasks
            return work(judge=judge, limit=limit, progress=bar.update)

    def _judge(self, project: Project, options: dict[str, Any]) -> Judge:
        if options["judge"]:
            found = Judge.objects.filter(project=project, name=options["judge"]).first()
            if found is None:
                names = ", ".join(project.judges.values_list("name", flat=True))
                raise NotFound(
                    "The project has no such judge.",
                    expected=names or "a judge; set one up in the panel",
                    found=options["judge"],
                    fix="Name one of them.",
                )
            return found
        model = options["model"]
        if options["source"]:
            model = base_model(project=None, source=options["source"], role="judge").pk
        if model is None:
            raise HoneError(
                "No judge is named.",
                expected="--judge, --model or --source",
                found="none of them",
                fix="Name a judge, a model version's id, or --source wheel:smollm2.",
            )
        version = version_of(model)
        return judge_for_model(project=project, model=version.pk, name=version.name)
