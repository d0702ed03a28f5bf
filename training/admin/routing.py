"""Routing plans: a slider over what each budget would reach, then what it was."""

from collections.abc import Mapping
from typing import Any, ClassVar, cast

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import URLPattern, path
from django.views.decorators.http import require_POST

from annotation.admin.scope import ProjectFilter, may, projects
from annotation.admin.starting import Starts
from annotation.errors import HoneError
from annotation.numbers import whole_number
from annotation.show import address, flat
from training.admin.routing_form import WORDS, RoutingForm
from training.models import RoutingPlan
from training.services import routing

State = RoutingPlan.State
UNDER_WAY = (State.QUEUED, State.PREDICTING, State.TO_APPLY, State.APPLYING)
START = 0.25
"""Where the slider stands before anybody has moved it."""


@admin.register(RoutingPlan)
class RoutingPlanPage(Starts):
    adding = "Plan who answers"
    empty = (
        "Nothing was planned yet. A plan predicts what each budget would reach before "
        "anything is spent; it takes open tasks and a judge."
    )
    tones: ClassVar[Mapping[str, str]] = {
        **dict.fromkeys(UNDER_WAY, "busy"),
        State.APPLIED: "good",
    }
    list_display = ("name", "project", "policy", "state_shown", "share", "created_at")
    list_filter = (ProjectFilter, "state")

    @admin.display(description="plan", ordering="pk")
    def name(self, plan: RoutingPlan) -> str:
        return f"plan {plan.pk}"

    @admin.display(description="policy")
    def policy(self, plan: RoutingPlan) -> str:
        return str(plan.settings.get("policy", ""))

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(require_POST(self.act))
        return [
            path(
                "<int:object_id>/do/<slug:deed>/", view, name="training_routingplan_do"
            ),
            *super().get_urls(),
        ]

    def start_view(self, request: HttpRequest) -> HttpResponse:
        given = request.POST if request.method == "POST" else None
        form = RoutingForm(given, request=request, initial=_asked(request))
        if given is not None and form.is_valid() and (made := form.make()):
            messages.success(request, "A worker predicts it; nothing is spent yet.")
            return HttpResponseRedirect(address(made))
        return self.page(
            request, "training/routing_form.html", title=self.adding, form=form
        )

    def act(self, request: HttpRequest, object_id: int, deed: str) -> HttpResponse:
        """Apply, measure or retry a plan."""
        plan = cast(RoutingPlan, self.object_or_404(request, str(object_id)))
        if not may(request, "research", plan.project):
            raise PermissionDenied(f"To {deed} takes the role researcher or owner.")
        try:
            if deed == "apply":
                routing.ask_to_apply(plan, share=_share(request.POST.get("share", "")))
                messages.success(request, "A worker sets the routes.")
            elif deed == "measure":
                routing.ask_to_measure(plan)
                messages.success(request, "A worker measures it; look again soon.")
            elif deed == "retry":
                routing.retry(plan)
                messages.success(request, "It is predicted again.")
            else:
                raise Http404(f"Routing plans cannot {deed}.")
        except HoneError as error:
            messages.error(request, str(error))
        return HttpResponseRedirect(address(plan))

    def own_page(self, request: HttpRequest, plan: RoutingPlan) -> HttpResponse:
        share = START if plan.share is None else plan.share
        return self.page(
            request,
            "training/routing_plan.html",
            title=f"routing plan {plan.pk} of {plan.project}",
            original=plan,
            plan=plan,
            state_badge_html=self.state_shown(plan),
            under_way=plan.state in UNDER_WAY,
            percent=round(100 * plan.progress),
            chosen=point_at(plan, share),
            start=round(100 * share),
            start_share=f"{share:g}",
            picture={"curve": plan.curve, "outcome": plan.outcome, "share": plan.share},
            words=WORDS.get(plan.report.get("follows", ""), ""),
            forms=forms_of(plan),
            trial=trial_of(plan),
            counts=flat(plan.counts),
            settings=flat(plan.settings),
            may_act=may(request, "research", plan.project),
        )


def point_at(plan: RoutingPlan, share: float) -> dict[str, Any] | None:
    """Return the curve's point at or just below a share."""
    below = [point for point in plan.curve if point["share"] <= share + 1e-9]
    return below[-1] if below else None


def forms_of(plan: RoutingPlan) -> list[dict[str, Any]]:
    """Return each form of the prediction with its quality, best first."""
    prediction = plan.report.get("prediction") or {}
    found = [
        {"name": name, "best": name == prediction.get("best"), **quality}
        for name, quality in prediction.get("forms", {}).items()
    ]
    return sorted(found, key=lambda form: form["rmse"])


def trial_of(plan: RoutingPlan) -> list[tuple[str, float, float]]:
    """Return what was tried on held-out halves: (words, gain, its 95 % reach)."""
    trial = (plan.report.get("prediction") or {}).get("trial")
    if not trial:
        return []
    rows = [("people alone over judges alone", trial["people"])]
    for title, key in (
        ("over judges alone", "over_ai"),
        ("over random", "over_random"),
    ):
        rows += [(f"{name} {title}", gain) for name, gain in trial[key].items()]
    return [(words, gain["mean"], 1.96 * gain["error"]) for words, gain in rows]


def _asked(request: HttpRequest) -> dict[str, Any]:
    """Begin with the project and queue that a link names."""
    mine = projects(request, "research")
    asked = whole_number(request.GET.get("project"))
    first = asked if asked in mine else next(iter(mine), None)
    return {"project": first, "round": whole_number(request.GET.get("round"))}


def _share(text: str) -> float:
    """Return a share from the slider's percent, or what the service will refuse."""
    try:
        return float(text) / 100
    except ValueError:
        return -1.0
