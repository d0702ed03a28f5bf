"""Who is asking: a signed-in browser, or a program with a scoped token."""

import hashlib
from datetime import timedelta

from django.contrib.auth.models import AbstractBaseUser, User
from django.db.models import Q
from django.http import HttpRequest
from django.utils import timezone
from ninja.errors import AuthenticationError
from ninja.security import HttpBearer, django_auth

from annotation.models import ApiToken

LAST_USED_EVERY = timedelta(minutes=1)


class TokenAuth(HttpBearer):
    """`Authorization: Bearer hone_...`: the request's user with the token's limits."""

    def authenticate(self, request: HttpRequest, token: str) -> AbstractBaseUser:
        now = timezone.now()
        digest = hashlib.sha256(token.encode("utf-8", "replace")).hexdigest()
        found = (
            ApiToken.objects.select_related("user")
            .filter(Q(expires_at=None) | Q(expires_at__gt=now))
            .filter(sha256=digest, revoked_at=None, user__is_active=True)
            .first()
        )
        if found is None:
            # A wrong token is refused, never tried as a browser's session.
            raise AuthenticationError
        if found.last_used_at is None or now - found.last_used_at > LAST_USED_EVERY:
            ApiToken.objects.filter(pk=found.pk).update(last_used_at=now)
        user = found.user
        user.api_token = found  # type: ignore[attr-defined]
        request.user = user
        return user


def person_of(request: HttpRequest) -> User:
    """Return who asks, where the API has let only signed-in people through."""
    assert isinstance(request.user, User)
    return request.user


authenticators = [TokenAuth(), django_auth]
