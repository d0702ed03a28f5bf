"""Keys for programs: shown once, kept as a hash."""

import hashlib
import secrets
from collections.abc import Sequence
from datetime import datetime

from django.contrib.auth.models import AbstractBaseUser, User

from annotation.errors import InvalidInput
from annotation.models import ApiToken, Project
from annotation.permissions import SCOPES


def make_token(
    *,
    user: AbstractBaseUser,
    name: str,
    scopes: Sequence[str],
    project: Project | None = None,
    expires_at: datetime | None = None,
) -> tuple[ApiToken, str]:
    """Make a token; return its row and the secret, which is kept nowhere.

    Raises:
        InvalidInput: for an unknown scope, or none.
    """
    unknown = [scope for scope in scopes if scope not in SCOPES]
    if unknown or not scopes:
        raise InvalidInput(
            "A token needs scopes that exist.",
            expected=f"some of {', '.join(SCOPES)}",
            found=", ".join(unknown) or "none",
            fix="Name at least one of them.",
        )
    assert isinstance(user, User)
    secret = f"hone_{secrets.token_urlsafe(32)}"
    token = ApiToken.objects.create(
        user=user,
        project=project,
        name=name,
        prefix=secret[:12],
        sha256=hashlib.sha256(secret.encode()).hexdigest(),
        scopes=list(dict.fromkeys(scopes)),
        expires_at=expires_at,
    )
    return token, secret
