"""Rounds: where each stands, what it waits for, and what it made."""

from typing import Any, cast

from django.contrib import admin
from django.db.models import Count, Q
from django.http import HttpRequest, HttpResponse
from django.utils.safestring import SafeString

from annotation.admin.scope import ProjectFilter, Scoped, may
from annotation.admin.show import badge
from annotation.models import Task
from training.models import Round

State = Round.State
STEPS = (
    (State.COLLECTING, "Collect", "people and judges answer"),
    (State.FREEZING, "Freeze", "answers become a snapshot"),
    (State.TRAINING_REWARD, "Reward model", "learns what is preferred"),
    (State.TRAINING_POLICY, "Policy", "learns to be preferred"),
    (State.GENERATING, "Sample", "old and new policy answer"),
    (State.SCORING, "Score", "the reward model reads them"),
    (State.SELECTING, "Choose", "the next pairs, and who judges"),
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


@admin.register(Round)
class RoundPage(Scoped):
    sees = "observe"
    adds = "research"
    list_display = ("name", "project", "state_shown", "waiting_for", "updated_at")
    list_filter = (ProjectFilter, "state")
    list_select_related = ("project",)
    ordering = ("-updated_at",)

    @admin.display(description="round", ordering="number")
    def name(self, round_: Round) -> str:
        return f"round {round_.number}"

    @admin.display(description="state", ordering="state")
    def state_shown(self, round_: Round) -> SafeString:
        if round_.paused:
            return badge("paused", f"paused while {round_.get_state_display()}")
        tone = {"done": "good", "failed": "bad"}.get(round_.state, "busy")
        return badge(round_.state, round_.get_state_display(), tone)

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        round_ = cast(Round, self.object_or_404(request, object_id))
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
            runs=round_.runs.order_by("created_at"),
            final=round_.state in (State.DONE, State.FAILED),
            may_steer=may(request, "research", round_.project),
        )
