"""Who is asking: a signed-in browser, or a program with a scoped token."""

import hashlib
from typing import Any

from django.contrib.auth.models import AbstractBaseUser, User
from django.http import HttpRequest
from ninja import security
from ninja.errors import AuthenticationError

from annotation.models import ApiToken

# The person and the token in one statement, which also notes the use now and then.
TOKEN = """
WITH used AS (
    UPDATE annotation_apitoken SET last_used_at = now()
    WHERE sha256 = %(sha256)s AND revoked_at IS NULL
        AND (last_used_at IS NULL OR last_used_at < now() - interval '1 minute')
)
SELECT u.*, t.id AS token_id, t.project_id AS token_project, t.scopes AS token_scopes
FROM annotation_apitoken t JOIN auth_user u ON u.id = t.user_id
WHERE t.sha256 = %(sha256)s AND t.revoked_at IS NULL AND u.is_active
    AND (t.expires_at IS NULL OR t.expires_at > now())
"""


class TokenAuth(security.HttpBearer):
    """`Authorization: Bearer hone_...`: the request's user with the token's limits."""

    def authenticate(self, request: HttpRequest, token: str) -> AbstractBaseUser:
        digest = hashlib.sha256(token.encode("utf-8", "replace")).hexdigest()
        found: Any = next(iter(User.objects.raw(TOKEN, {"sha256": digest})), None)
        if found is None:
            # A wrong token is refused, never tried as a browser's session.
            raise AuthenticationError
        found.api_token = ApiToken(
            id=found.token_id,
            user_id=found.pk,
            project_id=found.token_project,
            scopes=found.token_scopes,
        )
        request.user = found
        user: User = found
        return user


class SessionAuth(security.SessionAuth):
    """The browser's cookie session, which needs its CSRF token besides.

    That token may stand in the body, so a stranger's body is not even read for it:
    nobody fills the disk before they have signed in.
    """

    def _get_key(self, request: HttpRequest) -> str | None:
        return super()._get_key(request) if request.user.is_authenticated else None


def person_of(request: HttpRequest) -> User:
    """Return who asks, where the API has let only signed-in people through."""
    assert isinstance(request.user, User)
    return request.user


authenticators = [TokenAuth(), SessionAuth(csrf=True)]
