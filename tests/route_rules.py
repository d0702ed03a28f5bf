"""Who may reach which address: the table that tests/test_permissions.py walks.

A new route needs a line here, or the walk fails. API routes go by their operation id,
the panel's by their URL name, others by their pattern. A rule is

- a capability of annotation/permissions.py: members with it pass, other members get
  403, strangers and another project's object 404;
- "public": anybody; "signed in": anybody who is, and sees their own projects only;
- "own": members with "annotate", and only what is in their own hands;
- "panel": whoever the panel is open to (others are sent to its log-in);
- "panel:CAPABILITY": likewise, and members without it get 403;
- "panel:maker": its maker alone; "superuser": superusers alone; "nobody".
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Rule:
    """A rule, and how to ask so that nothing but the permission stands in the way.

    Attributes:
        body: JSON for the API, a form for the panel; strings may name {objects}.
        query: appended to the address.
    """

    who: str
    method: str = "GET"
    body: Any = None
    query: str = ""
    form: dict[str, str] = field(default_factory=dict)


def post(who: str, body: Any = None) -> Rule:
    return Rule(who, "POST", body)


THUMB = {
    "id": "thumb",
    "kind": "reaction",
    "text": "Good?",
    "signals": [{"id": "up", "label": "Up", "value": 1}],
}
NO_MODEL = "3f0c8a52-93b4-4a7e-8d4a-1d2f5b6c7e81"
API = {
    "openapi-json": Rule("public"),
    "api-root": Rule("public"),
    "get_health": Rule("public"),
    "get_session": Rule("public"),
    "sign_in": post("public", {"username": "nobody", "password": "wrong"}),
    "sign_out": Rule("public", "DELETE"),
    "list_projects": Rule("signed in"),
    "get_project": Rule("view"),
    "lease_tasks": post("annotate"),
    "list_history": Rule("annotate"),
    "list_presets": Rule("signed in"),
    "get_preview": Rule("research"),
    "preview_questions": post("research", {"questions": [THUMB]}),
    "publish_protocol": post("research", {"questions": [THUMB]}),
    "list_task_feedback": Rule("see_answers"),
    "submit_feedback": post(
        "own",
        {
            "client_id": "3f0c8a52-93b4-4a7e-8d4a-1d2f5b6c7e80",
            "judgments": [{"kind": "flag", "target": "task", "flag": "bad_task"}],
            "protocol_version": 1,
        },
    ),
    "skip_task": post("own", {"reason": "", "flag": None}),
    "release_task": post("own"),
    "renew_lease": post("own"),
    "list_principles": Rule("view"),
    "write_principle": post("research", {"text": "Names its sources."}),
    "get_principle": Rule("see_answers"),
    "decide_principle": post("review", {"decision": "approve"}),
    "list_extractions": Rule("observe"),
    "extract_principles": post("research", {}),
    "send_reactions": post("ingest", {"source": "app", "reactions": []}),
    "import_rows": post("research", {"prompt": "?", "completions": ["a", "b"]}),
    "list_imports": Rule("research"),
    "get_import": Rule("research"),
    "export_rows": Rule("observe"),
    "create_snapshot": post("research", {"name": "walk"}),
    "list_snapshots": Rule("observe"),
    "get_snapshot": Rule("observe"),
    "download_snapshot": Rule("observe"),
    "list_rounds": Rule("observe"),
    "start_round": post("train", {"settings": {}}),
    "pause_round": post("train"),
    "resume_round": post("train"),
    "retry_round": post("train"),
    "list_routing_plans": Rule("observe"),
    "plan_routing": post("research", {"round": None, "settings": {}}),
    "get_routing_plan": Rule("observe"),
    "apply_routing_plan": post("research", {"share": 0.5}),
    "measure_routing_plan": post("research"),
    "list_judges": Rule("observe"),
    "create_judge": post(
        "research",
        {
            "name": "walk",
            "backend": "endpoint",
            "settings": {"url": "http://127.0.0.1:1/v1", "model": "m"},
        },
    ),
    "get_judge": Rule("observe"),
    "get_judge_card": Rule("observe"),
    "ask_judge": post("research"),
    "try_judge": post("research"),
    "pause_judge": post("research"),
    "list_models": Rule("observe"),
    "register_model": post("train", {"source": "tiny:causal", "role": "policy"}),
    "open_talk": post("annotate", {}),
    "open_trial": post("observe", {"models": [NO_MODEL]}),
    "set_live_models": post("train", {"models": [NO_MODEL]}),
    "get_talk": Rule("own"),
    "say": post("own", {"number": 1, "content": "Hello?"}),
    "upload_image": post("research"),
    "get_image": Rule("view"),
    "delete_image": Rule("research", "DELETE"),
    "ask_again": post("own"),
    "list_runs": Rule("signed in"),
    "launch_run": post("train", {"project": "{slug}", "kind": "reward"}),
    "get_run": Rule("observe"),
    "list_run_events": Rule("observe"),
    "cancel_run": post("train"),
    "retry_run": post("train"),
}


def pages(
    name: str, *, sees: str, adds: str = "nobody", deletes: str = "nobody"
) -> dict[str, Rule]:
    """Return the rules of a model's pages in the panel; reading is what GET does."""
    return {
        f"{name}_changelist": Rule(sees),
        f"{name}_add": Rule(adds),
        f"{name}_change": Rule(sees),
        f"{name}_history": Rule(sees),
        f"{name}_delete": Rule(deletes),
        # Only leads to the page of the object, whatever its id.
        f"{name}_redirect": Rule("panel"),
    }


PANEL = {
    "login": Rule("public"),
    "logout": post("public"),
    "index": Rule("panel"),
    "search": Rule("panel"),
    "queues": Rule("panel"),
    "password_change": Rule("panel"),
    "password_change_done": Rule("panel"),
    "autocomplete": Rule("nobody"),  # no form of ours asks it
    "jsi18n": Rule("panel"),
    "app_list": Rule("panel"),
    "view_on_site": Rule("nobody"),
    "admin/(?P<url>.*)$": Rule("nobody"),
    "auth_user_password_change": Rule("superuser"),
    **pages("auth_user", sees="superuser", adds="superuser"),
    **pages("annotation_project", sees="panel:see_answers", adds="panel:research"),
    "annotation_project_questions": Rule("panel:research"),
    "annotation_project_draft": post("panel:research", {"questions-TOTAL_FORMS": 0}),
    "annotation_project_switch": post("panel:manage", {"to": "paused"}),
    **pages("annotation_import", sees="panel:observe", adds="panel:research"),
    **pages("annotation_judge", sees="panel:observe", adds="panel:research"),
    "annotation_judge_settings": Rule("panel:research"),
    "annotation_judge_do": post("panel:research"),
    **pages("annotation_prompt", sees="panel:see_answers"),
    **pages("annotation_completion", sees="panel:observe"),
    **pages("annotation_task", sees="panel:see_answers"),
    **pages("annotation_feedback", sees="panel:see_answers"),
    **pages(
        "annotation_libraryprinciple",
        sees="panel:see_answers",
        adds="panel:research",
    ),
    "annotation_libraryprinciple_decide": post(
        "panel:review", {"decision": "approved"}
    ),
    **pages("annotation_extraction", sees="panel:observe", adds="panel:research"),
    **pages("annotation_apitoken", sees="panel:maker", adds="panel"),
    "annotation_apitoken_changelist": Rule("panel"),
    "annotation_apitoken_revoke": post("panel:maker"),
    **pages("training_snapshot", sees="panel:observe", adds="panel:research"),
    **pages("training_trainingrun", sees="panel:observe", adds="panel:train"),
    "training_trainingrun_compare": Rule("panel:observe"),
    "training_trainingrun_live": Rule("panel:observe"),
    "training_trainingrun_file": Rule("panel:observe"),
    "training_trainingrun_cancel": post("panel:train"),
    "training_trainingrun_retry": post("panel:train"),
    **pages("training_modelversion", sees="panel:observe"),
    **pages("training_evaluation", sees="panel:observe"),
    "training_evaluation_report": Rule("panel:observe"),
    "training_evaluation_numbers": Rule("panel:observe"),
    **pages("training_round", sees="panel:observe", adds="panel:research"),
    "training_round_steer": post("panel:research"),
    **pages("training_curationjob", sees="panel:observe", adds="panel:research"),
    **pages("training_routingplan", sees="panel:observe", adds="panel:research"),
    "training_routingplan_do": post("panel:research"),
}

OTHERS = {
    r"^app/.*$": Rule("public"),  # one page for everybody; the API fills it
    "": Rule("public"),
}

RULES: dict[str, Rule] = {**API, **PANEL, **OTHERS}
