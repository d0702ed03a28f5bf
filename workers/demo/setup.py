"""The demo project: prompts of our own, completions that SmolLM2 samples on the spot.

Everything here may be called again at any time: what exists stays as it is.
"""

import json
import os
import secrets
from dataclasses import dataclass
from pathlib import Path

from django.conf import settings
from django.contrib.auth import get_user_model
from django.db import transaction

from annotation.models import Membership, Project
from annotation.services.importing import import_file
from annotation.services.importing.options import ImportOptions
from annotation.services.projects import add_member, create_project
from training.models import ModelVersion, TrainingRun
from training.services import launching, runs

SLUG = "demo"
POLICY = "SmolLM2-135M-Instruct"
POLICY_SOURCE = "wheel:smollm2"
REWARD_BASE = "MiniLM-L6-v2"
REWARD_BASE_SOURCE = "wheel:minilm"
PROMPTS = Path(__file__).parent / "prompts.jsonl"
GUIDELINES = (Path(__file__).parent / "guidelines.md").read_text
PEOPLE = (
    ("demo-annotator", Membership.Role.ANNOTATOR),
    ("demo-researcher", Membership.Role.OWNER),
)
SAMPLES = 2
# Small batches of short answers: the first pairs are there within the first minute.
SAMPLING = {
    "samples": SAMPLES,
    "temperature": 0.9,
    "top_p": 0.95,
    "max_new_tokens": 120,
    "batch_size": 4,
}


@dataclass(frozen=True)
class Login:
    username: str
    password: str
    role: str


def set_up_demo() -> tuple[Project, TrainingRun, list[Login]]:
    """Make the demo project, its people and its sampling run, if they are missing."""
    logins = _people()
    project = Project.objects.filter(slug=SLUG).first()
    if project is None:
        project = create_project(
            slug=SLUG,
            name="Demo: everyday answers",
            guidelines=GUIDELINES(encoding="utf-8"),
            overlap=1,
        )
    users = get_user_model().objects.in_bulk(
        [login.username for login in logins], field_name="username"
    )
    for login in logins:
        user = users[login.username]
        if not project.memberships.filter(user=user).exists():
            add_member(project=project, user=user, role=login.role)
    if not project.prompts.exists():
        import_file(project=project, path=PROMPTS, options=ImportOptions(layout="bare"))
    return project, _sampling_run(project), logins


def base_models() -> tuple[ModelVersion, ModelVersion]:
    """Return the policy and the reward backbone that come as wheels.

    They belong to no project, so every project may start from them.
    """
    policy, _ = ModelVersion.objects.get_or_create(
        project=None,
        source=POLICY_SOURCE,
        role=ModelVersion.Role.POLICY,
        defaults={"name": POLICY},
    )
    backbone, _ = ModelVersion.objects.get_or_create(
        project=None,
        source=REWARD_BASE_SOURCE,
        role=ModelVersion.Role.ENCODER,
        defaults={"name": REWARD_BASE},
    )
    return policy, backbone


@transaction.atomic
def _sampling_run(project: Project) -> TrainingRun:
    Project.objects.select_for_update().get(pk=project.pk)
    run = project.runs.filter(inputs__purpose__demo=True).order_by("created_at").first()
    if run is not None:
        return run
    policy, _ = base_models()
    return launching.launch(
        project=project,
        kind=TrainingRun.Kind.GENERATE,
        model=policy,
        params=SAMPLING,
        inputs={
            "prompt_ids": list(
                project.prompts.order_by("pk").values_list("pk", flat=True)
            ),
            "import_live": True,
            "tasks": {},
            "purpose": {"demo": True},
        },
        seed=0,
        priority=runs.BACKGROUND,  # whoever trains meanwhile need not wait for it
        name=f"First completions by {POLICY}",
    )


def _people() -> list[Login]:
    """Make the demo's people; their passwords are made once and kept under var/."""
    kept = settings.VAR / "demo-logins.json"
    passwords = json.loads(kept.read_text()) if kept.exists() else {}
    model = get_user_model()
    logins = []
    for username, role in PEOPLE:
        password = passwords.setdefault(username, _password())
        logins.append(Login(username, password, str(role)))
        user, is_new = model.objects.get_or_create(username=username)
        if is_new or not user.has_usable_password():
            user.set_password(password)
            user.save(update_fields=["password"])
    descriptor = os.open(kept, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        json.dump(passwords, file, indent=1)
    return logins


def _password() -> str:
    """Return a password that can be typed from a screen: 12 letters, 58 bits."""
    letters = "abcdefghjkmnpqrstuvwxyz23456789"
    groups = ["".join(secrets.choice(letters) for _ in range(4)) for _ in range(3)]
    return "-".join(groups)
