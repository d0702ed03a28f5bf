"""Curation: pools, votes on labels, and what is asked again."""

from typing import Any

from django.contrib import admin, messages
from django.db.models import Model
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect

from annotation.admin.scope import ProjectFilter, projects
from annotation.admin.starting import Starts
from annotation.models import Judge, Task
from annotation.numbers import whole_number
from annotation.show import address, flat
from training.admin.curation_form import KINDS, CurationForm
from training.models import CurationJob, ModelVersion, Snapshot
from training.services.curation_verified import pools

State = CurationJob.State
BANDS = {
    "suspect": "reward models think the label wrong",
    "ambiguous": "the weakest fifth of all, of the others",
    "normal": "neither weak nor strong",
    "easy": "the strongest tenth of all",
    "tie": "not voted on",
}
FATES = {
    "keep": "kept",
    "flip": "turned round",
    "drop": "left out",
    "relabel": "left out, for another look",
}


@admin.register(CurationJob)
class CurationPage(Starts):
    adding = "Curate labels"
    empty = (
        "Nothing was curated yet. Once labels have come in, set some apart as the "
        "verified pool, or let reward models vote on a snapshot."
    )
    list_display = ("name", "project", "kind", "state_shown", "created_at")
    list_filter = (ProjectFilter, "kind", "state")

    @admin.display(description="curation", ordering="pk")
    def name(self, job: CurationJob) -> str:
        return f"curation {job.pk}"

    def start_view(self, request: HttpRequest) -> HttpResponse:
        kind = request.GET.get("kind", "")
        mine = projects(request, "research")
        asked = whole_number(request.GET.get("project"))
        project = mine.get(asked) if asked in mine else next(iter(mine.values()), None)
        form = None
        if kind in KINDS:
            given = request.POST if request.method == "POST" else None
            first = {**request.GET.dict(), "project": project.pk if project else None}
            form = CurationForm(given, request=request, kind=kind, initial=first)
            if given is not None and form.is_valid() and (made := form.start()):
                messages.success(request, "A worker of the queue judge does it.")
                return HttpResponseRedirect(address(made))
        return self.page(
            request,
            "training/curation_form.html",
            title=self.adding,
            form=form,
            kind=kind,
            words=KINDS.get(kind, ""),
            kinds=KINDS.items(),
            project=project,
            pools=pools(project) if project else None,
            missing=form.missing() if form else [],
        )

    def own_page(self, request: HttpRequest, job: CurationJob) -> HttpResponse:
        found = dict(job.result)
        made = found.pop("snapshot", None)
        return self.page(
            request,
            "training/curation_job.html",
            title=f"curation {job.pk} of {job.project}",
            original=job,
            job=job,
            state_badge_html=self.state_shown(job),
            under_way=job.state in (State.QUEUED, State.RUNNING),
            words=KINDS[job.kind],
            pools=pools(job.project),
            snapshot=Snapshot.objects.filter(project=job.project, pk=made).first(),
            bands=_shares(found.pop("bands", {}), BANDS),
            fates=_shares(found.pop("fates", {}), FATES),
            doubted=_doubted(job, found.pop("doubted", [])),
            figures=flat(found),
            named=(named := _named(job)),
            settings=flat(
                {
                    name: value
                    for name, value in job.settings.items()
                    if name not in dict(named)
                }
            ),
        )


def _named(job: CurationJob) -> list[tuple[str, Model]]:
    """Return what a job's settings name by id, where it is still there."""
    kinds: dict[str, type[Model]] = {
        "snapshot": Snapshot,
        "model": ModelVersion,
        "judge": Judge,
    }
    return [
        (name, found)
        for name, kind in kinds.items()
        if name in job.settings
        and (found := kind._default_manager.filter(pk=job.settings[name]).first())
    ]


def _shares(counts: dict[str, int], words: dict[str, str]) -> list[dict[str, Any]]:
    """Return counts as lines with their shares, in the order of the words."""
    total = sum(counts.values())
    return [
        {"name": name, "words": said, "count": count, "share": count / total}
        for name, said in words.items()
        if (count := counts.get(name))
    ]


def _doubted(job: CurationJob, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the most doubted labels with their tasks, as they are now."""
    tasks = Task.objects.filter(project=job.project_id).in_bulk(
        [row["task"] for row in rows]
    )
    return [
        {**row, "task": tasks[row["task"]], "waits": _waits(tasks[row["task"]])}
        for row in rows
        if row["task"] in tasks
    ]


def _waits(task: Task) -> bool:
    """Return whether somebody is asked about it again."""
    return task.state == Task.State.OPEN and task.counted < task.overlap
