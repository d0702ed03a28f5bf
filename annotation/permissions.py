"""Who may do what, as data: a role in a project gives capabilities, a token narrows.

Everything that reads or changes a project asks here. A stranger is told that there is
no such project; a member is told which role is missing. Superusers pass everywhere.
A program's token acts as its user within its scopes and, if it names one, its
project: the authenticator leaves it on the user as `api_token`.
"""

from typing import Literal

from django.contrib.auth.models import AbstractBaseUser, AnonymousUser
from django.db.models import OuterRef, Q, QuerySet, Subquery, Value

from annotation.errors import NotAllowed, NotFound
from annotation.models import ApiToken, Membership, Project

Role = Literal["annotator", "reviewer", "researcher", "owner"]
Capability = Literal[
    "view",  # know the project, its guidelines and questions
    "annotate",  # lease tasks and answer them
    "see_answers",  # read other people's answers
    "review",  # adjudicate
    "observe",  # read snapshots, runs, models, rounds, reasons, exports
    "research",  # import, snapshot, open rounds
    "train",  # launch, cancel and promote runs
    "ingest",  # send end users' reactions
    "manage",  # settings, members, budgets
]
Asker = AbstractBaseUser | AnonymousUser

ANNOTATOR: frozenset[Capability] = frozenset({"view", "annotate"})
REVIEWER: frozenset[Capability] = ANNOTATOR | {"see_answers", "review"}
RESEARCHER: frozenset[Capability] = REVIEWER | {
    "observe",
    "research",
    "train",
    "ingest",
}
OWNER: frozenset[Capability] = RESEARCHER | {"manage"}
CAPABILITIES: dict[Role, frozenset[Capability]] = {
    "annotator": ANNOTATOR,
    "reviewer": REVIEWER,
    "researcher": RESEARCHER,
    "owner": OWNER,
}

# What a token's scope lets through of its user's capabilities.
SCOPES: dict[str, frozenset[Capability]] = {
    "read": frozenset({"view", "see_answers", "observe"}),
    "annotate": frozenset({"view", "annotate"}),
    "write": frozenset({"view", "observe", "review", "research", "manage"}),
    "train": frozenset({"view", "observe", "train"}),
    # A key that lies in a product's servers: it sends, and reads nothing.
    "ingest": frozenset({"ingest"}),
}


def roles_with(capability: Capability) -> list[Role]:
    """Return the roles that have a capability, least first."""
    return [role for role, has in CAPABILITIES.items() if capability in has]


def token_of(user: Asker) -> ApiToken | None:
    """Return the token by which a program speaks as this user, if it does."""
    token: ApiToken | None = getattr(user, "api_token", None)
    return token


def token_allows(user: Asker, capability: Capability) -> bool:
    """Whether the asker's token, if any, has a scope for this."""
    token = token_of(user)
    return token is None or any(
        capability in SCOPES.get(scope, frozenset()) for scope in token.scopes
    )


def require_scope(user: Asker, capability: Capability) -> None:
    """Refuse a program whose token has no scope for this.

    Raises:
        NotAllowed: with the scopes that would do.
    """
    if not token_allows(user, capability):
        token = token_of(user)
        fitting = [scope for scope, has in SCOPES.items() if capability in has]
        raise NotAllowed(
            "The token's scopes do not cover this.",
            expected=f"one of the scopes {', '.join(fitting)}",
            found=", ".join(token.scopes) if token else None,
            fix="Make a token with that scope: manage.py token.",
        )


def with_role(user: Asker) -> QuerySet[Project]:
    """Return every project, with the asker's role there as `my_role` (or None).

    A superuser is an owner everywhere. A token that names a project leaves no other.
    """
    projects = Project.objects.all()
    token = token_of(user)
    if token is not None and token.project_id is not None:
        projects = projects.filter(pk=token.project_id)
    if not user.is_authenticated or not user.is_active:
        return projects.none()
    if getattr(user, "is_superuser", False):
        return projects.annotate(my_role=Value("owner"))
    mine = Membership.objects.filter(project=OuterRef("pk"), user=user.pk)
    return projects.annotate(my_role=Subquery(mine.values("role")[:1]))


def projects_for(user: Asker, capability: Capability) -> QuerySet[Project]:
    """Return the projects where the asker has a capability; start every query here."""
    if not token_allows(user, capability):
        return Project.objects.none()
    return with_role(user).filter(Q(("my_role__in", roles_with(capability))))


def require(user: Asker, project: Project, capability: Capability) -> Role:
    """Return the asker's role in a project, if it has the capability.

    Raises:
        NotFound: for a stranger, who is not told that the project exists.
        NotAllowed: for a member whose role, or token, does not reach that far.
    """
    known = with_role(user).filter(pk=project.pk).first()
    return check_role(user, getattr(known, "my_role", None), capability)


def project_for(user: Asker, slug: str, capability: Capability) -> Project:
    """Return the project of a slug, with `my_role`, if the asker may do this there.

    Raises:
        NotFound, NotAllowed: as `require`.
    """
    project = with_role(user).filter(slug=slug).first()
    check_role(user, getattr(project, "my_role", None), capability)
    assert project is not None  # check_role has refused None
    return project


def check_role(user: Asker, role: str | None, capability: Capability) -> Role:
    """Return a role that has been read already, if it has the capability.

    Raises:
        NotFound, NotAllowed: as `require`.
    """
    if role not in CAPABILITIES:
        raise NotFound(
            "There is no such thing, or it is not yours to see.",
            expected="something of a project that you belong to",
            found="nothing of the kind under this address",
            fix="Check the address, or ask an owner of the project to add you.",
        )
    if capability not in CAPABILITIES[role]:
        raise NotAllowed(
            "Your role in this project does not reach that far.",
            expected=f"one of {', '.join(roles_with(capability))}",
            found=str(role),
            fix="Ask an owner of the project for another role.",
        )
    require_scope(user, capability)
    return role
