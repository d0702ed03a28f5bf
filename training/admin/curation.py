"""Curation: pools, votes on labels, and what is asked again."""

from typing import Any, cast

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils.safestring import SafeString

from annotation.admin.scope import ProjectFilter, Scoped, projects
from annotation.models import Task
from annotation.numbers import whole_number
from annotation.show import address, badge, flat
from training.admin.curation_form import KINDS, CurationForm
from training.models import CurationJob, Snapshot
from training.services.curation_verified import pools

State = CurationJob.State
TONES = {State.DONE: "good", State.FAILED: "bad"}
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
class CurationPage(Scoped):
    sees = "observe"
    adds = "research"
    list_display = ("name", "project", "kind", "state_shown", "created_at")
    list_filter = (ProjectFilter, "kind", "state")
    list_select_related = ("project",)

    @admin.display(description="curation", ordering="pk")
    def name(self, job: CurationJob) -> str:
        return f"curation {job.pk}"

    @admin.display(description="state", ordering="state")
    def state_shown(self, job: CurationJob) -> SafeString:
        tone = TONES.get(State(job.state), "busy")
        return badge(job.state, job.get_state_display(), tone)

    def add_view(
        self,
        request: HttpRequest,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        if not self.has_add_permission(request):
            raise PermissionDenied("Curation takes the role researcher or owner.")
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
            title="Curate labels",
            form=form,
            kind=kind,
            words=KINDS.get(kind, ""),
            kinds=KINDS.items(),
            project=project,
            pools=pools(project) if project else None,
        )

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        job = cast(CurationJob, self.object_or_404(request, object_id))
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
            settings=flat(job.settings),
        )


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
