"""Hone for the shared load driver of annotation servers (its `--adaptor FILE.py`).

The driver's folder must be on the path (it is, when the driver loads this file). The
web server and this process use the same DATABASE_URL and REDIS_URL: people and projects
are made here, through the services that commands and API use; all that is timed goes
over HTTP.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
import time
import uuid
from pathlib import Path
from typing import Any

import httpx

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
# Set-up runs between timed cells in the driver's own loop.
os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "1"

from adaptors import System, make_task  # type: ignore[import-not-found]

SCALE = "compare-7@1"


def _django() -> None:
    import django
    from django.apps import apps

    if not apps.ready:
        django.setup()


class Hone(System):
    """Each annotator has a token and asks for one task at a time, without a holder."""

    def __init__(self, url: str, sampling: str = "") -> None:
        super().__init__(url, sampling)
        _django()
        self.leases: dict[tuple[httpx.AsyncClient, int], dict[str, Any]] = {}
        self.tasks: dict[int, int] = {}

    def _person(self, n: int) -> Any:
        from django.contrib.auth.models import User

        return User.objects.get_or_create(username=f"annotator{n}")[0]

    async def login(self, http: httpx.AsyncClient, n: int) -> None:
        from annotation.services.tokens import make_token

        _, secret = make_token(
            user=self._person(n), name="bench", scopes=["annotate", "read"]
        )
        http.headers["Authorization"] = f"Bearer {secret}"

    async def next_task(self, http: httpx.AsyncClient, project: str) -> int | None:
        response = await http.post(f"/api/v1/projects/{project}/assignments?count=1")
        assignments = response.raise_for_status().json()["assignments"]
        if not assignments:
            return None
        number = int(assignments[0]["prompt"]["messages"][0]["content"].split()[0][1:])
        self.leases[http, number] = assignments[0]
        return number

    async def submit(
        self, http: httpx.AsyncClient, project: str, task: int, choice: str
    ) -> None:
        assignment = self.leases.pop((http, task))
        first, second = (completion["id"] for completion in assignment["completions"])
        judgment = {
            "kind": "compare",
            "question": "overall",
            "a": first,
            "b": second,
            "outcome": "a" if choice == "left" else "b",
            "strength": 2,
            "scale": SCALE,
        }
        body = {
            "client_id": str(uuid.uuid4()),
            "judgments": [judgment],
            "active_ms": 10_000,
            "protocol_version": assignment["protocol_version"],
        }
        at = f"/api/v1/assignments/{assignment['id']}/feedback"
        (await http.post(at, json=body)).raise_for_status()

    async def prepare(
        self, tasks: int, overlap: int, done: float, k: int
    ) -> tuple[str, float]:
        """Import the driver's comparisons through the importer that the API uses."""
        from annotation.models import Membership
        from annotation.services.importing import ImportOptions, import_file
        from annotation.services.projects import create_project

        slug = f"bench-{tasks}-{overlap}-{uuid.uuid4().hex[:8]}"
        people = [self._person(n) for n in range(k)]
        owner = self._person(10**6)
        project = create_project(slug=slug, overlap=overlap)
        Membership.objects.bulk_create(
            Membership(project=project, user=user, role="annotator") for user in people
        )
        Membership.objects.create(project=project, user=owner, role="owner")
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "tasks.jsonl"
            with file.open("w") as out:
                for task in map(make_task, range(tasks)):
                    row = {
                        "prompt": task["prompt"],
                        "completions": [task["a"], task["b"]],
                    }
                    out.write(json.dumps(row) + "\n")
            started = time.perf_counter()
            import_file(project=project, path=file, options=ImportOptions())
            took = time.perf_counter() - started
        if done:
            self._answer(project, people, int(done * tasks), overlap)
        return slug, took

    def _answer(
        self, project: Any, people: list[Any], count: int, overlap: int
    ) -> None:
        """Have the first tasks answered by everybody in turn, as the driver counts."""
        from annotation.services.people import actor_of
        from tests.annotation.queue.bulk import answers_in_bulk

        actors = [actor_of(user) for user in people]
        tasks = list(project.tasks.order_by("id").values_list("id", flat=True)[:count])
        answers_in_bulk(
            project,
            [
                (task, actors[(i + j) % len(actors)])
                for i, task in enumerate(tasks)
                for j in range(overlap)
            ],
            feedback=True,
        )

    async def export(self, project: str) -> tuple[list[tuple[int, int]], int]:
        """Read back over HTTP, in the neutral shape of the view."""
        from annotation.models import Actor
        from annotation.services.tokens import make_token

        owner = self._person(10**6)
        _, secret = make_token(user=owner, name="bench", scopes=["read"])
        async with httpx.AsyncClient(base_url=self.url, timeout=600) as http:
            response = await http.get(
                f"/api/v1/projects/{project}/exports/pairs.jsonl",
                headers={"Authorization": f"Bearer {secret}"},
            )
        lines = response.raise_for_status().content.splitlines()
        people = Actor.objects.filter(user__username__startswith="annotator")
        numbers = {
            f"person-{pk}": int(name.removeprefix("annotator"))
            for pk, name in people.values_list("pk", "user__username")
        }
        rows = []
        for line in lines:
            row = json.loads(line)
            task = int(row["prompt"][0]["content"].split()[0][1:])
            rows.append((task, numbers[row["annotator"]]))
        return rows, len(response.content)


SYSTEMS = {"hone": Hone}
