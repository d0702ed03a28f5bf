"""The loop as one state machine: collect, learn, sample, choose, ask again.

    collecting -> freezing -> training_reward -> training_policy -> generating
        ^      -> scoring -> gating -> selecting -> routing -> done
        |_ the snapshot held too few pairs         |_ the next round collects

    any -> failed -> retry

`advance` locks the row and makes one transition at most, in one transaction with the
rows it needs: a snapshot, runs, tasks. A process that dies leaves the state before or
the state after, and calling it again does what is left. Its steps are in
`round_steps.py`; what a round waits for is always said in words.
"""

import logging
from collections.abc import Mapping
from typing import Any

from django.db import DatabaseError, DataError, transaction
from django.db.models import Max

from annotation.errors import Conflict, HoneError
from annotation.models import Project
from config.dispatch import enqueue
from training.models import ModelVersion, Round, RoutingPlan, TrainingRun
from training.services import routing, runs
from training.services.promoting import start_model
from training.services.round_common import Failure, Wait
from training.services.round_routing import check_judge
from training.services.round_settings import read_settings
from training.services.round_steps import STEPS
from training.services.runs import as_dict

log = logging.getLogger(__name__)
State = Round.State
OVER = (State.DONE, State.FAILED)
PAUSED = "paused by a person; resume it to go on"


def start(
    *,
    project: Project,
    settings: Mapping[str, Any] | None = None,
    policy: ModelVersion | None = None,
) -> Round:
    """Open a project's next round; it advances by itself from then on.

    Args:
        settings: see `RoundSettings`; the last round's where None.
        policy: the policy it starts from; the last round's outcome, or the base
            model that the settings name, where None.

    Raises:
        InvalidInput: for settings that cannot be.
        Conflict: while another round of the project is open.
    """
    with transaction.atomic():
        # The project's row is the lock: two people press the button at once.
        Project.objects.select_for_update().get(pk=project.pk)
        open_round = project.rounds.exclude(state__in=OVER).first()
        if open_round is not None:
            raise Conflict(
                "A round of this project is open.",
                expected="a project whose last round is done or failed",
                found=f"round {open_round.number}, {open_round.get_state_display()}",
                fix="Wait until it is done, or pause it and mend what it waits for.",
            )
        last = project.rounds.order_by("-number").first()
        if settings is None:
            settings = last.settings if last else {}
        checked = read_settings(settings)
        check_judge(project, checked)
        number = project.rounds.aggregate(top=Max("number"))["top"] or 0
        made = Round.objects.create(
            project=project,
            number=number + 1,
            settings=checked.model_dump(mode="json", exclude_defaults=True),
            policy_in=policy
            or (last.policy_next if last else None)
            or start_model(project, checked.policy_base, "policy"),
            waiting_for="waiting for a first look at its labels",
        )
        enqueue(runs.ADVANCE, made.pk)
    return made


def advance(round_id: int) -> bool:
    """Make the round's next transition if it can; return True if it was made.

    Returns False at once while another process is at it.
    """
    with transaction.atomic():
        found = (
            Round.objects.select_for_update(skip_locked=True, of=("self",))
            .select_related("project")
            .filter(pk=round_id)
            .first()
        )
        if found is None or found.state in OVER:
            return False
        if found.paused:
            _say(found, PAUSED)
            return False
        before = found.state
        try:
            # Half a step is no step: what it wrote goes back before it waits or fails.
            with transaction.atomic():
                STEPS[State(before)](found, read_settings(found.settings))
                found.waiting_for = ""
                found.save()
        except Wait as wait:
            for field in wait.also:
                found.save(update_fields=[field])
            _say(found, str(wait))
            return False
        except Failure as failure:
            _fail(found, before, failure.error)
            return False
        except HoneError as error:
            _fail(found, before, as_dict(error))
            return False
        except DatabaseError as error:
            if not isinstance(error, DataError):
                raise  # the database is away, or two met: the next look may do
            # A value that no column takes, such as NaN: it would be so for ever.
            log.exception("Round %s failed while %s.", found, before)
            _fail(found, before, _bug(error))
            return False
        except Exception as error:
            # A bug of ours: the round stops where people look, the log has the rest.
            log.exception("Round %s failed while %s.", found, before)
            _fail(found, before, _bug(error))
            return False
        return found.state not in OVER


def _bug(error: Exception) -> dict[str, Any]:
    return {
        "error": "bug",
        "message": "The round failed in a way nobody expected.",
        "expected": "the step to be made",
        "found": f"{type(error).__name__}: {str(error)[:300]}",
        "fix": "Report it with the worker's log; then retry the round.",
    }


def _say(found: Round, reason: str) -> None:
    if found.waiting_for != reason:
        found.waiting_for = reason[:300]
        found.save(update_fields=["waiting_for", "updated_at"])


def _fail(found: Round, state: str, error: Mapping[str, Any]) -> None:
    # Read again: a step that failed may have changed fields that were taken back.
    found.refresh_from_db()
    found.state = State.FAILED
    found.waiting_for = ""
    found.error = {**error, "state": state}
    found.save(update_fields=["state", "waiting_for", "error", "updated_at"])


def set_paused(found: Round, paused: bool) -> Round:
    """Pause a round where it stands, or let it go on; runs under way are let be."""
    with transaction.atomic():
        Round.objects.filter(pk=found.pk).update(
            paused=paused, waiting_for=PAUSED if paused else ""
        )
        if not paused:
            enqueue(runs.ADVANCE, found.pk)
    found.refresh_from_db()
    return found


def retry(found: Round) -> Round:
    """Put a failed round back where it failed, its failed runs queued again.

    Raises:
        Conflict: when it has not failed, or a later round is open.
    """
    with transaction.atomic():
        Project.objects.select_for_update().get(pk=found.project_id)
        found = Round.objects.select_for_update(of=("self",)).get(pk=found.pk)
        later = Round.objects.filter(project=found.project, number__gt=found.number)
        if found.state != State.FAILED or later.exists():
            raise Conflict(
                "This round cannot be tried again.",
                expected="a failed round that is its project's last",
                found=f"round {found.number}, {found.get_state_display()}",
                fix="Start a new round instead.",
            )
        ended = [TrainingRun.State.FAILED, TrainingRun.State.CANCELLED]
        for run in found.runs.filter(state__in=ended):
            runs.retry(run)
        plan = found.routing_plan
        if plan is not None and plan.state == RoutingPlan.State.FAILED:
            routing.retry(plan)
        if found.snapshot is not None and found.snapshot.state == "failed":
            found.snapshot = None
        state = (found.error or {}).get("state", State.COLLECTING)
        if state == State.FREEZING and found.snapshot is None:
            state = State.COLLECTING
        found.state, found.error, found.waiting_for = state, None, ""
        found.save()
        enqueue(runs.ADVANCE, found.pk)
    return found
