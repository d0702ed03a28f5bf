"""The panel's site: who gets in, and how signing in is slowed down."""

from typing import Any

from django.conf import settings
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.template.response import TemplateResponse
from django.urls import URLPattern, path
from unfold.forms import AuthenticationForm
from unfold.sites import UnfoldAdminSite

from annotation.errors import TooManyAttempts
from annotation.services.signing_in import sign_in_allowed, signed_in


def opens(request: HttpRequest) -> bool:
    """Return whether the panel is open to the one who asks."""
    # Late: the pages register themselves on this site when their package is read.
    from annotation.admin.scope import enters

    return enters(request)


class PanelSite(UnfoldAdminSite):
    """Open to reviewers, researchers and owners of any project, and to superusers.

    A role is all it takes: nobody needs Django's staff flag or its permissions.
    """

    site_title = "Hone"
    index_title = "Overview"
    enable_nav_sidebar = True

    def has_permission(self, request: HttpRequest) -> bool:
        return opens(request)

    def extra_urls(self) -> list[URLPattern]:
        return [path("queues/", self.admin_view(queues), name="queues")]

    def login(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        response = super().login(request, extra_context)
        if isinstance(response, TemplateResponse):
            form = (response.context_data or {}).get("form")
            if form is not None and form.has_error("__all__", "too_many_attempts"):
                response.status_code = 429
                response["Retry-After"] = str(settings.SIGN_IN_WINDOW_SECONDS)
        return response


def queues(request: HttpRequest) -> HttpResponse:
    """Say which queues have work and no worker, for the banner on every page."""
    from training.services.health import queue_health

    stuck = [queue.advice for queue in queue_health() if queue.is_stuck]
    return JsonResponse({"stuck": stuck})


class SignInForm(AuthenticationForm):
    """Sign in with a role; too many wrong tries from one place have to wait."""

    error_messages = {
        **AuthenticationForm.error_messages,
        "no_role": (
            "This account has no role that opens the panel: it takes reviewer, "
            "researcher or owner of a project, and an owner gives it. Labelling is "
            "done at /app/."
        ),
    }

    def clean(self) -> dict[str, Any]:
        username = str(self.cleaned_data.get("username") or "")
        try:
            sign_in_allowed(self.request, username)
        except TooManyAttempts as error:
            raise ValidationError(str(error), code=error.code) from error
        cleaned: dict[str, Any] = super().clean()
        signed_in(self.request, username)
        return cleaned

    def confirm_login_allowed(self, user: Any) -> None:
        if not user.is_active:
            raise self.get_invalid_login_error()
        asker = HttpRequest()
        asker.user = user
        if not opens(asker):
            raise ValidationError(self.error_messages["no_role"], code="no_role")
