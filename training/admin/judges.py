"""Judges: set up, tried on three tasks, started, and known by their cards."""

from collections.abc import Mapping
from typing import Any, ClassVar, cast

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import URLPattern, path
from django.views.decorators.http import require_POST

from annotation.admin.scope import ProjectFilter, may, projects
from annotation.admin.starting import Starts
from annotation.models import Feedback, Judge, JudgeBatch
from annotation.numbers import whole_number
from annotation.quality.summary import Share
from annotation.services.judge_cards import card_of
from annotation.services.judge_ledgers import maybe_paid
from annotation.services.judge_settings import JudgeSettings
from annotation.services.judges import (
    pause,
    start_batch,
    start_tags,
    start_trial,
    waiting_for,
)
from annotation.show import address, list_address, number
from training.admin.judge_form import JudgeForm
from training.models import ModelVersion

WRITES = (Judge.Backend.ENDPOINT, Judge.Backend.MODEL)  # may answer in words
FEW = 30  # pairs below which a card says so
SHARES = (
    ("agreement", "agrees with people", ""),
    ("people", "people agree with each other", "what can be reached"),
    ("flips", "flips with the order", "0 is best"),
    ("first_shown", "takes the first shown", "0.5 is even"),
    ("longer", "takes the longer", ""),
    ("people_longer", "people take the longer", "the same pairs"),
    ("own", "takes its own model's", ""),
    ("people_own", "people take its own model's", "the same pairs"),
)


def shares_of(card: Any) -> list[dict[str, Any]]:
    """Return a card's shares as lines with intervals to draw."""
    return [line(words, getattr(card, name), note) for name, words, note in SHARES]


def line(words: str, share: Share, note: str = "") -> dict[str, Any]:
    """Return a share as a line: its words, and where it and its interval stand."""
    limits = share.interval
    if limits is None or share.value is None:
        return {"label": words, "words": "no pairs", "note": note, "of": 0}
    low, high = limits
    return {
        "label": words,
        "note": note,
        "of": share.of,
        "words": f"{share.value:.3f} ({low:.3f} to {high:.3f}) of {share.of:,}",
        "start": 100 * low,
        "width": 100 * (high - low),
        "at": 100 * share.value,
    }


@admin.register(Judge)
class JudgePage(Starts):
    adding = "Set up a judge"
    empty = (
        "No judge is set up yet. A judge is an AI that answers the tasks routed to it; "
        "its card then says how far to trust it."
    )
    tones: ClassVar[Mapping[str, str]] = {Judge.State.STOPPED: "bad"}
    list_display = ("name", "project", "backend_shown", "state_shown", "money", "calls")
    list_filter = (ProjectFilter, "backend", "state")
    search_fields = ("name",)

    @admin.display(description="asks", ordering="backend")
    def backend_shown(self, judge: Judge) -> str:
        return judge.get_backend_display()

    @admin.display(description="spent", ordering="spent")
    def money(self, judge: Judge) -> str:
        spent = number(float(judge.spent))
        if judge.budget is None:
            return spent
        return f"{spent} of {number(float(judge.budget))}"

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view
        return [
            path(
                "<int:object_id>/settings/",
                view(self.edit),
                name="annotation_judge_settings",
            ),
            path(
                "<int:object_id>/do/<slug:verb>/",
                view(require_POST(self.act)),
                name="annotation_judge_do",
            ),
            *super().get_urls(),
        ]

    def start_view(self, request: HttpRequest) -> HttpResponse:
        asked = whole_number(request.GET.get("project"))
        mine = projects(request, "research")
        first = next(iter(mine), None) if asked not in mine else asked
        return self._form(request, None, {"project": first})

    def edit(self, request: HttpRequest, object_id: int) -> HttpResponse:
        """Change how a judge is asked and what it may spend."""
        judge = self._own(request, object_id)
        initial = {
            name: getattr(judge, name)
            for name in (
                *("project", "name", "backend", "model_version", "replays"),
                *("price_prompt", "price_completion", "budget", "concurrency"),
            )
        }
        initial["members"] = list(judge.members.values_list("pk", flat=True))
        for name in JudgeSettings.model_fields:
            if name in judge.settings:
                initial[f"set_{name}"] = judge.settings[name]
        return self._form(request, judge, initial)

    def _form(
        self, request: HttpRequest, judge: Judge | None, initial: dict[str, Any]
    ) -> HttpResponse:
        given = request.POST if request.method == "POST" else None
        form = JudgeForm(given, request=request, judge=judge, initial=initial)
        if given is not None and form.is_valid() and (saved := form.save(request)):
            messages.success(request, f"The judge {saved} is set up. Try it first.")
            return HttpResponseRedirect(address(saved))
        named: dict[str, Any] = {"original": judge} if judge else {}
        return self.page(
            request,
            "training/judge_form.html",
            title=f"Settings of {judge}" if judge else self.adding,
            form=form,
            judge=judge,
            **named,
        )

    def _own(self, request: HttpRequest, object_id: int) -> Judge:
        judge = cast(Judge, self.object_or_404(request, str(object_id)))
        if not may(request, "research", judge.project):
            raise PermissionDenied("This takes the role researcher or owner.")
        return judge

    def act(self, request: HttpRequest, object_id: int, verb: str) -> HttpResponse:
        """Try a judge on three tasks, start or pause it, or take its temperature."""
        judge = self._own(request, object_id)
        if verb == "try":
            start_trial(judge)
            messages.success(request, "It is asked about three tasks; see below.")
        elif verb == "start":
            start_batch(judge)
            messages.success(request, "A worker lets it answer what waits for it.")
        elif verb == "tag" and judge.backend in WRITES:
            start_tags(judge)
            messages.success(request, "A worker lets it tag the project's prompts.")
        elif verb == "pause":
            pause(judge)
            messages.success(request, "Paused: it starts no further batch.")
        elif verb == "calibrate" and judge.actor is not None:
            fitted = card_of(judge.actor).calibration.temperature
            judge.calibration = fitted or 1.0
            judge.save(update_fields=["calibration"])
            messages.success(
                request, f"Its log-odds are divided by {judge.calibration:.3g} now."
            )
        else:
            raise Http404(f"A judge cannot {verb} now.")
        return HttpResponseRedirect(address(judge))

    def own_page(self, request: HttpRequest, judge: Judge) -> HttpResponse:
        found = card_of(judge.actor) if judge.actor else None
        trial = judge.batches.filter(kind=JudgeBatch.Kind.TRIAL).first()
        waits = trial is not None and trial.state in ("queued", "running")
        running = judge.batches.filter(state="running").exists()
        named = ModelVersion.objects.filter(pk__in=[judge.model_version])
        return self.page(
            request,
            "training/judge.html",
            title=judge.name,
            original=judge,
            judge=judge,
            model=named.first(),
            state_badge_html=self.state_shown(judge),
            card=found,
            few=found is not None and found.with_people < FEW,
            shares=shares_of(found) if found else [],
            tags=[line(each.name, each.agreement) for each in found.tags]
            if found
            else [],
            drift=[line(each.name, each.agreement) for each in found.drift]
            if found
            else [],
            trial=trial,
            look_again=waits or running,
            batches=judge.batches.filter(kind=JudgeBatch.Kind.BATCH)[:10],
            failures=judge.failures.order_by("-updated_at")[:20],
            failed=judge.failures.count(),
            waiting=waiting_for(judge).count(),
            answers_url=list_address(Feedback, q=judge.actor.name)
            if judge.actor
            else "",
            money=self.money(judge),
            per_answer=_per_answer(judge),
            maybe=maybe_paid(judge),
            may_change=may(request, "research", judge.project),
            may_tag=judge.backend in WRITES,
        )


def _per_answer(judge: Judge) -> float | None:
    if judge.actor is None:
        return None
    answers = judge.actor.assignments.filter(state="answered", presentation=0).count()
    return float(judge.spent) / answers if answers else None
