"""Sign in and out, and who is here."""

from django.contrib.auth import login, logout
from django.contrib.auth.models import AbstractBaseUser, AnonymousUser
from django.http import HttpRequest, HttpResponse
from django.middleware.csrf import get_token
from ninja import Router
from ninja.utils import check_csrf

from annotation.api import schemas
from annotation.errors import NotAllowed
from annotation.permissions import projects_for
from annotation.services.people import display_name
from annotation.services.signing_in import check_password

router = Router(tags=["session"], auth=None)


def _session(user: AbstractBaseUser | AnonymousUser) -> dict[str, object]:
    if not isinstance(user, AbstractBaseUser):
        return {"user": None}
    return {
        "user": {
            "username": user.get_username(),
            "name": display_name(user),
            # The researcher's panel opens to roles (annotation/admin/scope.py).
            "is_staff": bool(
                getattr(user, "is_superuser", False)
                or projects_for(user, "see_answers").exists()
            ),
        }
    }


def require_csrf(request: HttpRequest) -> None:
    """Refuse a browser's request that another site may have made up."""
    if check_csrf(request) is not None:
        raise NotAllowed(
            "The request does not show that this site's own page sent it.",
            expected="header X-CSRFToken with the value of the cookie csrftoken",
            found="no header, or another value",
            fix="GET /api/v1/session first, then send the cookie's value.",
        )


@router.get("", response=schemas.Session, operation_id="get_session")
def get_session(request: HttpRequest) -> dict[str, object]:
    """Say who is signed in; also sets the CSRF cookie."""
    get_token(request)
    return _session(request.user)


@router.post(
    "",
    response={200: schemas.Session, 401: schemas.Failure, 429: schemas.Failure},
    operation_id="sign_in",
)
def sign_in(request: HttpRequest, credentials: schemas.SignIn) -> dict[str, object]:
    """Sign in with user name and password, at a limited rate."""
    require_csrf(request)
    user = check_password(
        request, username=credentials.username, password=credentials.password
    )
    login(request, user)
    get_token(request)
    return _session(user)


@router.delete("", response={204: None}, operation_id="sign_out")
def sign_out(request: HttpRequest) -> HttpResponse:
    """End the session; does nothing when there is none."""
    require_csrf(request)
    logout(request)
    return HttpResponse(status=204)
