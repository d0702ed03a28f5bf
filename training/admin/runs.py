"""Runs: launched from the registry, watched while they work, compared when done."""

from collections.abc import Sequence
from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import (
    FileResponse,
    HttpRequest,
    HttpResponse,
    HttpResponseRedirect,
    JsonResponse,
)
from django.http.response import HttpResponseBase
from django.urls import URLPattern, path, reverse
from django.utils.safestring import SafeString
from django.views.decorators.http import require_POST, require_safe

from annotation.admin.scope import ProjectFilter, may
from annotation.admin.starting import Starts
from annotation.errors import HoneError
from annotation.numbers import whole_number
from annotation.show import address, duration, flat
from training.admin import compare
from training.admin.curves import charts_as_json
from training.admin.launch_form import LaunchForm, began_with, fitting, view_of
from training.admin.live import percent, picture
from training.admin.methods import families, launchable, usual
from training.engine.registry import Preset, get
from training.engine.registry.page import needs
from training.models import ModelVersion, Round, TrainingRun
from training.services import runs
from training.services.frozen_facts import warnings_of
from training.services.results import TABLES, tables_of
from training.show import known, named


@admin.register(TrainingRun)
class RunPage(Starts):
    adds = "train"
    adding = "Launch a run"
    empty = (
        "Nothing was trained yet. A run learns from a frozen snapshot: freeze one, "
        "then choose a method."
    )
    list_display = (
        "name",
        "state_shown",
        "progress",
        "of_method",
        "project",
        "headline",
        "took",
        "created_at",
    )
    list_filter = (ProjectFilter, "state", "kind")
    search_fields = ("name", "preset", "=id")
    actions = ("compare_runs",)

    # --- the list ------------------------------------------------------------------

    def get_queryset(self, request: HttpRequest) -> QuerySet[TrainingRun]:
        # The log's tail is for the run's own page.
        return super().get_queryset(request).defer("log_tail")

    @admin.display(description="progress")
    def progress(self, run: TrainingRun) -> str:
        done = percent(run)
        return "–" if done is None else f"{done:.0f}%"

    @admin.display(description="method", ordering="preset")
    def of_method(self, run: TrainingRun) -> SafeString | str:
        return named(run.preset)

    @admin.display(description="latest")
    def headline(self, run: TrainingRun) -> str:
        return headline(run.metrics)

    @admin.display(description="took")
    def took(self, run: TrainingRun) -> str:
        if not run.started_at or not run.finished_at:
            return "–"
        return duration((run.finished_at - run.started_at).total_seconds())

    @admin.action(description="Compare the chosen runs")
    def compare_runs(
        self, request: HttpRequest, queryset: QuerySet[TrainingRun]
    ) -> HttpResponse:
        ids = [str(pk) for pk in queryset.values_list("pk", flat=True)[:9]]
        if not 2 <= len(ids) <= compare.MOST:
            messages.warning(
                request, f"Expected 2 to {compare.MOST} runs; found {len(ids)}."
            )
            return HttpResponseRedirect(request.get_full_path())
        url = reverse("admin:training_trainingrun_compare")
        return HttpResponseRedirect(url + "?" + "&".join(f"run={pk}" for pk in ids))

    def get_urls(self) -> list[URLPattern]:
        wrap = self.admin_site.admin_view
        name = "training_trainingrun"
        return [
            path("compare/", wrap(self.compare_view), name=f"{name}_compare"),
            path(
                "<uuid:object_id>/live/",
                wrap(require_safe(self.live_view)),
                name=f"{name}_live",
            ),
            path(
                "<uuid:object_id>/cancel/",
                wrap(require_POST(self.cancel_view)),
                name=f"{name}_cancel",
            ),
            path(
                "<uuid:object_id>/retry/",
                wrap(require_POST(self.retry_view)),
                name=f"{name}_retry",
            ),
            path(
                "<uuid:object_id>/files/<str:file>/",
                wrap(require_safe(self.file_view)),
                name=f"{name}_file",
            ),
            *super().get_urls(),
        ]

    # --- launching -----------------------------------------------------------------

    def start_view(self, request: HttpRequest) -> HttpResponse:
        chosen = self._preset(request)
        form = None
        if chosen is not None:
            given = request.POST if request.method == "POST" else None
            form = LaunchForm(
                given, request=request, preset=chosen, initial=self._asked(request)
            )
            if given is not None and form.is_valid() and (run := form.launch()):
                messages.success(request, f"Queued: {run.name}.")
                for warning in warnings_of(chosen, run.snapshot):
                    messages.warning(request, warning)
                return HttpResponseRedirect(address(run))
        return self.page(
            request,
            "training/launch.html",
            title=self.adding,
            usual=usual(),
            families=families(),
            count=len(launchable()),
            chosen=chosen,
            form=form,
            needs=needs(chosen) if chosen else "",
            view=view_of(chosen or get("dpo")),
            can_launch=fitting(request, chosen or get("dpo")).exists(),
        )

    def _preset(self, request: HttpRequest) -> Preset | None:
        name = request.POST.get("preset") or request.GET.get("preset") or ""
        return known(name)

    def _asked(self, request: HttpRequest) -> dict[str, Any]:
        """Take a link's word for what to start from; the form still checks it."""
        like = self.get_object(request, request.GET.get("like", ""))
        return (began_with(like) if like else {}) | {
            name: request.GET[name]
            for name in ("snapshot", "model", "judge")
            if name in request.GET
        }

    # --- one run -------------------------------------------------------------------

    def own_page(self, request: HttpRequest, run: TrainingRun) -> HttpResponse:
        made = ModelVersion.objects.filter(run=run)
        started = run.events.filter(kind="started").order_by("-pk").first()
        told = started.payload if started else {}
        return self.page(
            request,
            "training/run.html",
            title=run.name,
            original=run,
            run=run,
            live=picture(run),
            charts=charts_as_json(),
            created_models=made,
            evaluations=run.evaluations.select_related("model"),
            rounds=Round.objects.filter(runs=run),
            tables=[(name, TABLES[name]) for name in tables_of(run)],
            may_train=may(request, "train", run.project),
            may_cancel=run.state in ("draft", *TrainingRun.OPEN_STATES)
            and not run.cancel_requested,
            may_retry=run.state in ("failed", "cancelled"),
            settings=sorted(run.params.items()),
            preset=known(run.preset),
            learned_on=flat(
                {name: told.get(name) for name in ("rows", "shortened", "subset")}
            ),
            warnings=told.get("warnings") or self._cautions(run),
            machine=flat({**(told.get("environment") or {}), **run.environment}),
            numbers=[item for item in run.metrics.items() if is_latest(item[0])],
            other_numbers=[
                item for item in run.metrics.items() if not is_latest(item[0])
            ],
        )

    def _cautions(self, run: TrainingRun) -> list[str]:
        """Return what a run has to say of its method before it starts."""
        preset = known(run.preset)
        return [preset.caution] if preset is not None and preset.caution else []

    def live_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        run = self.object_or_404(request, str(object_id))
        after = whole_number(request.GET.get("after"))
        return JsonResponse(picture(run, after=after or 0))

    def file_view(
        self, request: HttpRequest, object_id: str, file: str
    ) -> HttpResponseBase:
        """Hand out a table that the run left."""
        run = self.object_or_404(request, str(object_id))
        path = tables_of(run).get(file)
        if path is None:
            messages.warning(
                request,
                f"Expected a table that this run left on this machine; found no "
                f"{file[:60]}. Retry the run, or bring the artifacts' volume back.",
            )
            return HttpResponseRedirect(address(run))
        return FileResponse(path.open("rb"), as_attachment=True, filename=file)

    def cancel_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        return self._steer(request, str(object_id), "cancel")

    def retry_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        return self._steer(request, str(object_id), "retry")

    def _steer(self, request: HttpRequest, object_id: str, verb: str) -> HttpResponse:
        run = self.object_or_404(request, object_id)
        if not may(request, "train", run.project):
            raise PermissionDenied(f"To {verb} takes the role researcher or owner.")
        try:
            after = (runs.request_cancel if verb == "cancel" else runs.retry)(run)
        except HoneError as error:
            messages.error(request, str(error))
            return HttpResponseRedirect(address(run))
        if verb == "retry":
            messages.success(request, "Queued again; it continues where it stopped.")
        elif after.state == "cancelled":
            messages.success(request, "Cancelled.")
        else:
            messages.success(request, "Asked its worker to stop.")
        return HttpResponseRedirect(address(run))

    def compare_view(self, request: HttpRequest) -> HttpResponse:
        if not self.has_view_permission(request):
            raise PermissionDenied("Runs are for researchers and owners to see.")
        wanted = compare.ids_of(request.GET.getlist("run"))
        found = {
            run.pk: run
            for run in self.get_queryset(request)
            .filter(pk__in=wanted)
            .select_related("snapshot", "model", "project")
        }
        chosen: Sequence[TrainingRun] = [found[pk] for pk in wanted if pk in found]
        return self.page(
            request,
            "training/compare.html",
            title="Compare runs",
            **compare.side_by_side(chosen),
            missing=len(wanted) - len(chosen),
        )


def is_latest(name: str) -> bool:
    """Return whether a metric is the newest of its kind: not where a run began."""
    return not name.startswith(("first/", "last/"))


def headline(metrics: dict[str, Any]) -> str:
    """Return the one or two numbers that say how a run does."""
    wanted = (
        ("accuracy", "accuracy"),
        ("eval_rewards/accuracies", "accuracy"),
        ("rewards/accuracies", "accuracy"),
        ("loss", "loss"),
    )
    said: dict[str, str] = {}
    for name, word in wanted:
        value = metrics.get(name)
        if isinstance(value, int | float):
            said.setdefault(word, f"{word} {value:.3f}")
    return ", ".join(said.values()) or "–"
