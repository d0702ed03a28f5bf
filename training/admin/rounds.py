"""Rounds: where each stands, what it waits for, and what it made."""

from collections.abc import Mapping
from typing import Any, ClassVar, cast

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import Count, Q
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import URLPattern, path
from django.utils.safestring import SafeString
from django.views.decorators.http import require_POST

from annotation.admin.scope import ProjectFilter, may, projects
from annotation.admin.starting import Starts
from annotation.errors import HoneError
from annotation.models import Task
from annotation.numbers import whole_number
from annotation.show import address, badge, flat
from training.admin.round_form import SETTINGS, WHO, RoundForm
from training.admin.round_routing import judge_of, routing_of
from training.models import Round
from training.services import rounds
from training.services.round_settings import RoundSettings

State = Round.State
STEPS = (
    (State.COLLECTING, "Collect", "people and judges answer"),
    (State.FREEZING, "Freeze", "answers become a snapshot"),
    (State.TRAINING_REWARD, "Reward model", "learns what is preferred"),
    (State.TRAINING_POLICY, "Policy", "learns to be preferred"),
    (State.GENERATING, "Sample", "old and new policy answer"),
    (State.SCORING, "Score", "the reward model reads them"),
    (State.GATING, "Test", "is the new policy better?"),
    (State.SELECTING, "Choose", "the next pairs"),
    (State.ROUTING, "Route", "who answers each"),
    (State.DONE, "Open", "the next queue"),
)


def steps_of(round_: Round) -> list[dict[str, str]]:
    """Return the round's way as steps: done, now, stopped or still to come."""
    order = [state for state, _, _ in STEPS]
    failed = round_.state == State.FAILED
    reached = _failed_at(round_) if failed else order.index(State(round_.state))
    drawn = []
    for place, (_, name, words) in enumerate(STEPS):
        if place < reached or round_.state == State.DONE:
            mark = "done"
        elif place == reached:
            mark = "stopped" if failed else "now"
        else:
            mark = "todo"
        drawn.append({"name": name, "words": words, "mark": mark})
    return drawn


def _failed_at(round_: Round) -> int:
    """Return the step a failed round had reached: its error names it, or its rows."""
    order = [str(state) for state, _, _ in STEPS]
    named = str((round_.error or {}).get("state") or "")
    if named in order:
        return order.index(named)
    reached = (round_.snapshot_id, round_.reward_model_id, round_.policy_out_id)
    return 1 + sum(item is not None for item in reached)


def verbs_of(round_: Round) -> list[tuple[str, str]]:
    """Return what may be done with a round now: (verb, its button's word)."""
    if round_.state == State.FAILED:
        return [("retry", "Retry")]
    if round_.state == State.DONE:
        return []
    return [("resume", "Resume")] if round_.paused else [("pause", "Pause")]


def gate_of(round_: Round) -> dict[str, Any] | None:
    """Return the promotion gate as the page shows it, once it has a verdict."""
    gate = round_.report.get("gate", {})
    if "verdict" not in gate:
        return None
    tone = {"better": "good", "not better": "bad"}.get(gate["verdict"], "busy")
    return {
        **gate,
        "badge": badge(gate["verdict"], gate["verdict"], tone),
        "outcome": "replaces the old one"
        if gate["promoted"]
        else "does not replace the old one",
        "level": 1 - gate["alpha"],
    }


def watch_of(round_: Round) -> dict[str, Any] | None:
    """Return the reward-hacking watch with the tasks that people were given."""
    found = round_.report.get("watch")
    if found is None:
        return None
    tasks = Task.objects.filter(
        project=round_.project_id,
        round=round_.number + 1,
        reason__startswith="reward-hacking watch",
    )
    return {
        **found,
        "policy": flat(found["policy"]),
        "tasks": tasks.order_by("pk"),
    }


def neighbours_of(round_: Round) -> list[tuple[str, Round]]:
    """Return the rounds before and after, where there are any."""
    others = Round.objects.filter(project=round_.project_id)
    found = {
        other.number: other
        for other in others.filter(number__in=[round_.number - 1, round_.number + 1])
    }
    named = (("round before", round_.number - 1), ("round after", round_.number + 1))
    return [(name, found[number]) for name, number in named if number in found]


@admin.register(Round)
class RoundPage(Starts):
    adding = "Start a round"
    empty = (
        "No round was started yet. A round trains on what has been answered and opens "
        "the next queue by itself."
    )
    tones: ClassVar[Mapping[str, str]] = {
        state: "busy" for state in State if state not in rounds.OVER
    }
    list_display = ("name", "project", "state_shown", "waiting_for", "updated_at")
    list_filter = (ProjectFilter, "state")
    ordering = ("-updated_at",)

    @admin.display(description="round", ordering="number")
    def name(self, round_: Round) -> str:
        return f"round {round_.number}"

    @admin.display(description="state", ordering="state")
    def state_shown(self, round_: Round) -> SafeString:
        if round_.paused:
            return badge("paused", f"paused while {round_.get_state_display()}")
        return super().state_shown(round_)

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(require_POST(self.steer))
        return [
            path(
                "<int:object_id>/steer/<slug:verb>/", view, name="training_round_steer"
            ),
            *super().get_urls(),
        ]

    def start_view(self, request: HttpRequest) -> HttpResponse:
        given = request.POST if request.method == "POST" else None
        form = RoundForm(given, request=request, initial=self._asked(request))
        if given is not None and form.is_valid() and (made := form.start()):
            messages.success(
                request, f"Round {made.number} is open; it goes on by itself."
            )
            return HttpResponseRedirect(address(made))
        return self.page(
            request, "training/round_form.html", title=self.adding, form=form
        )

    def _asked(self, request: HttpRequest) -> dict[str, Any]:
        """Begin with the project a link names, and its last round's settings."""
        mine = projects(request, "research")
        asked = whole_number(request.GET.get("project"))
        project = next(iter(mine.values()), None) if asked is None else mine.get(asked)
        if project is None:
            return {}
        last = project.rounds.order_by("-number").first()
        kept = last.settings if last else {}
        return {
            "project": project.pk,
            **{f"set_{name}": kept[name] for name in SETTINGS if name in kept},
            **{
                f"set_{name}": given for name in WHO if (given := request.GET.get(name))
            },
        }

    def steer(self, request: HttpRequest, object_id: int, verb: str) -> HttpResponse:
        """Pause, resume or retry a round."""
        round_ = cast(Round, self.object_or_404(request, str(object_id)))
        if not may(request, "research", round_.project):
            raise PermissionDenied(f"To {verb} takes the role researcher or owner.")
        try:
            if verb == "pause":
                rounds.set_paused(round_, True)
                messages.success(request, "Paused. Runs under way are let be.")
            elif verb == "resume":
                rounds.set_paused(round_, False)
                messages.success(request, "Resumed.")
            elif verb == "retry":
                rounds.retry(round_)
                messages.success(request, "It goes on where it failed.")
            else:
                raise Http404(f"Rounds cannot {verb}.")
        except HoneError as error:
            messages.error(request, str(error))
        return HttpResponseRedirect(address(round_))

    def own_page(self, request: HttpRequest, round_: Round) -> HttpResponse:
        queue = Task.objects.filter(
            project=round_.project, round=round_.number + 1
        ).aggregate(
            tasks=Count("pk"),
            people=Count("pk", filter=~Q(route="ai")),
            judges=Count("pk", filter=~Q(route="human")),
            answered=Count("pk", filter=Q(counted__gt=0)),
        )
        return self.page(
            request,
            "training/round.html",
            title=f"round {round_.number} of {round_.project}",
            original=round_,
            round=round_,
            state_badge_html=self.state_shown(round_),
            steps=steps_of(round_),
            queue=queue,
            next_number=round_.number + 1,
            verbs=verbs_of(round_),
            counts=flat(round_.counts),
            gate=gate_of(round_),
            watch=watch_of(round_),
            routing=routing_of(round_),
            stopped=round_.report.get("stopped", ""),
            judge=judge_of(round_),
            neighbours=neighbours_of(round_),
            settings=flat(
                RoundSettings.model_validate(round_.settings).model_dump()
                | round_.settings
                | {"judge": ""}
            ),
            runs=round_.runs.order_by("created_at"),
            final=round_.state in (State.DONE, State.FAILED),
            may_steer=may(request, "research", round_.project),
        )
