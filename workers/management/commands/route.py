"""manage.py route: predict what each budget reaches, then set who answers."""

import json
import sys
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from annotation.errors import Conflict, HoneError
from annotation.services.answers import named_project
from training.management.launch_command import setting
from training.models import RoutingPlan
from training.services import routing
from workers.routing import jobs


class Command(BaseCommand):
    help = "Plan who answers a project's open tasks, and apply the plan on request."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--project", required=True, help="its slug")
        parser.add_argument("--round", type=int, help="the queue; all open tasks else")
        parser.add_argument("--policy", default="default")
        parser.add_argument(
            "--set",
            action="append",
            type=setting,
            default=[],
            metavar="NAME=VALUE",
            help="a setting of the plan, such as human_cost=0.8",
        )
        parser.add_argument("--plan", type=int, help="go on with this plan instead")
        parser.add_argument(
            "--apply",
            type=float,
            metavar="SHARE",
            help="set the routes, with people answering at most this share",
        )
        parser.add_argument(
            "--measure", action="store_true", help="measure what --plan came to"
        )
        parser.add_argument("--json", action="store_true", help="print JSON")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            plan = self._plan(options)
            if options["measure"]:
                if plan.state != RoutingPlan.State.APPLIED:
                    routing.ask_to_measure(plan)
                jobs.measure(plan.pk)
            elif options["apply"] is not None:
                routing.ask_to_apply(plan, share=options["apply"])
                jobs.apply(plan.pk)
        except HoneError as error:
            self.stderr.write(self.style.ERROR(str(error)))
            sys.exit(2)
        plan.refresh_from_db()
        if options["json"]:
            told = ("state", "curve", "report", "share", "counts", "outcome", "error")
            found = {"id": plan.pk, **{name: getattr(plan, name) for name in told}}
            self.stdout.write(json.dumps(found))
        else:
            self._tell(plan)
        if plan.state == RoutingPlan.State.FAILED:
            sys.exit(1)

    def _plan(self, options: dict[str, Any]) -> RoutingPlan:
        project = named_project(options["project"])
        if options["plan"] is not None:
            found = project.routing_plans.filter(pk=options["plan"]).first()
            if found is None:
                raise Conflict(
                    "There is no such routing plan in this project.",
                    expected="the id of one of its plans",
                    found=str(options["plan"]),
                    fix="Look it up on the panel's page of routing plans.",
                )
            return found
        settings = {"policy": options["policy"], **dict(options["set"])}
        made = routing.create_plan(
            project=project, round=options["round"], settings=settings
        )
        jobs.predict(made.pk)
        made.refresh_from_db()
        return made

    def _tell(self, plan: RoutingPlan) -> None:
        self.stdout.write(f"Plan {plan.pk} is {plan.get_state_display()}.")
        for name in ("message", "expected", "found", "fix"):
            if plan.error and plan.error.get(name):
                self.stderr.write(f"  {name}: {plan.error[name]}")
        report = plan.report
        if report.get("follows"):
            self.stdout.write(f"  follows {report['follows']}: {report['because']}")
        if report.get("no_prediction"):
            self.stdout.write(f"  no prediction: {report['no_prediction']}")
        for form, quality in (
            (report.get("prediction") or {}).get("forms", {})
        ).items():
            self.stdout.write(
                f"  {form}: Spearman {quality['spearman']:.2f}, "
                f"RMSE {quality['rmse']:.4f} {quality['refusal']}"
            )
        self.stdout.write("  share    spend  people     ai  predicted accuracy")
        for point in plan.curve:
            words = ""
            if "accuracy" in point:
                words = (
                    f"  {point['accuracy']:.3f} [{point['low']:.3f}, "
                    f"{point['high']:.3f}], random {point['random']:.3f}"
                )
            self.stdout.write(
                f"  {point['share']:>5.0%}{point['spend']:>9.1f}{point['people']:>8}"
                f"{point['ai']:>7}{words}"
            )
        for title, facts in (("applied", plan.counts), ("measured", plan.outcome)):
            if facts:
                told = ", ".join(f"{name} {value}" for name, value in facts.items())
                self.stdout.write(f"  {title}: {told}")
