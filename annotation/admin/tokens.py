"""API tokens: one's own; the secret is shown once, and revoking ends a token."""

from datetime import timedelta
from typing import Any, cast

from django import forms
from django.contrib import admin, messages
from django.contrib.auth.models import User
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import URLPattern, path, reverse
from django.utils.safestring import SafeString
from django.utils.timezone import now
from django.views.decorators.http import require_POST
from unfold.widgets import (
    UnfoldAdminCheckboxSelectMultipleWidget,
    UnfoldAdminIntegerFieldWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminTextInputWidget,
)

from annotation.admin.forms import ProjectForm
from annotation.admin.scope import ENTERS, ReadOnly
from annotation.errors import HoneError
from annotation.models import ApiToken, Project
from annotation.services.tokens import make_token
from annotation.show import badge

SCOPES = {
    "read": "read: projects, answers, snapshots, runs, exports",
    "annotate": "annotate: lease tasks and answer them",
    "write": "write: import, freeze, open rounds",
    "train": "train: launch and cancel runs",
    "ingest": "ingest: send end users' reactions, and nothing else",
}


class TokenForm(ProjectForm):
    """What a program may do, and for how long."""

    takes = ENTERS
    field_order = ("name", "scopes", "project", "days")

    name = forms.CharField(
        max_length=100,
        widget=UnfoldAdminTextInputWidget,
        help_text="What will use it: you will want to know when you revoke it.",
    )
    scopes = forms.MultipleChoiceField(
        choices=list(SCOPES.items()),
        widget=UnfoldAdminCheckboxSelectMultipleWidget,
        help_text="Tick no more than it needs: whoever holds the token may do it.",
    )
    project = forms.ModelChoiceField(
        queryset=Project.objects.none(),
        required=False,
        empty_label="all of mine",
        help_text="Where it works; in others it opens nothing.",
        widget=UnfoldAdminSelectWidget,
    )
    days = forms.IntegerField(
        required=False,
        min_value=1,
        max_value=3650,
        initial=90,
        label="Days it is valid",
        widget=UnfoldAdminIntegerFieldWidget,
        help_text="Days from now, 90 to begin with. Empty: until it is revoked.",
    )


@admin.register(ApiToken)
class TokenPage(ReadOnly):
    """A token acts as its maker, so everybody sees and revokes their own alone."""

    list_display = (
        "name",
        "starts_with",
        "scopes_shown",
        "project",
        "standing",
        "last_used_at",
        "created_at",
    )
    list_select_related = ("project",)
    ordering = ("-created_at",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[ApiToken]:
        # The scope of tokens is their maker, not a project.
        return ApiToken.objects.filter(user=cast(User, request.user)).order_by(
            "-created_at"
        )

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        if obj is not None and obj.user_id != request.user.pk:
            return False
        return self._may_at_all(request)

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self._may_at_all(request)

    @admin.display(description="starts with")
    def starts_with(self, token: ApiToken) -> str:
        return f"{token.prefix}…"

    @admin.display(description="scopes")
    def scopes_shown(self, token: ApiToken) -> str:
        return ", ".join(token.scopes)

    @admin.display(description="state")
    def standing(self, token: ApiToken) -> SafeString:
        if token.revoked_at:
            return badge("revoked")
        if token.expires_at and token.expires_at <= now():
            return badge("expired")
        return badge("valid", tone="good")

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(require_POST(self.revoke))
        return [
            path("<int:object_id>/revoke/", view, name="annotation_apitoken_revoke"),
            *super().get_urls(),
        ]

    def add_view(
        self,
        request: HttpRequest,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        given = request.POST if request.method == "POST" else None
        form = TokenForm(given, request=request)
        if given is not None and form.is_valid():
            data = form.cleaned_data
            days = data.get("days")
            try:
                token, secret = make_token(
                    user=cast(User, request.user),
                    name=data["name"],
                    scopes=data["scopes"],
                    project=data["project"],
                    expires_at=now() + timedelta(days=days) if days else None,
                )
            except HoneError as error:
                form.add_error("scopes", str(error))
            else:
                # Shown in this answer alone: no cookie, session or cache holds it.
                shown = self.page(
                    request,
                    "annotation/token.html",
                    title="New token",
                    token=token,
                    secret=secret,
                )
                shown["Cache-Control"] = "no-store"
                return shown
        return self.page(
            request, "annotation/token_form.html", title="New token", form=form
        )

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        token = self.object_or_404(request, object_id)
        return self.page(
            request,
            "annotation/token_page.html",
            title=token.name,
            original=token,
            token=token,
            standing=self.standing(token),
        )

    def revoke(self, request: HttpRequest, object_id: int) -> HttpResponse:
        token = self.object_or_404(request, str(object_id))
        ApiToken.objects.filter(pk=token.pk, revoked_at=None).update(revoked_at=now())
        messages.success(request, f"Revoked {token.name}: it opens nothing any more.")
        return HttpResponseRedirect(reverse("admin:annotation_apitoken_changelist"))
