"""`manage.py doctor`: is everything there that Hone leans on (config/doctor.py)?"""

import dataclasses
import json
import sys
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from config.doctor import Finding, examine

MARKS = {"ok": "ok  ", "warning": "WARN", "failure": "FAIL"}


class Command(BaseCommand):
    help = "Check databases, disk, workers, counters and builds; 1 if one fails."
    requires_system_checks = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--json", action="store_true", help="one JSON list")

    def handle(self, *args: Any, **options: Any) -> None:
        findings = []
        for finding in examine():
            findings.append(finding)
            if not options["json"]:
                self.show(finding)
        if options["json"]:
            facts = [dataclasses.asdict(finding) for finding in findings]
            self.stdout.write(json.dumps(facts, indent=2))
        sys.exit(any(finding.verdict == "failure" for finding in findings))

    def show(self, finding: Finding) -> None:
        self.stdout.write(
            f"{MARKS[finding.verdict]}  {finding.what:<15} {finding.found}"
        )
        if finding.verdict != "ok":
            self.stdout.write(f"      expected: {finding.expected}")
            self.stdout.write(f"      fix:      {finding.fix}")
