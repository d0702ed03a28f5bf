"""Accounts: people who sign in. For superusers alone; owners give roles by name."""

from typing import TYPE_CHECKING, Any

from django.contrib import admin
from django.contrib.auth.admin import UserAdmin
from django.contrib.auth.models import Group, User
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from unfold.admin import ModelAdmin
from unfold.forms import AdminPasswordChangeForm, UserChangeForm, UserCreationForm

if TYPE_CHECKING:
    AccountAdmin = UserAdmin[User]
else:  # Django's own page takes no type when it runs
    AccountAdmin = UserAdmin

admin.site.unregister(User)
admin.site.unregister(Group)


@admin.register(User)
class AccountPage(AccountAdmin, ModelAdmin):
    """Roles are given in projects, so Django's groups and permissions are left out."""

    form = UserChangeForm
    add_form = UserCreationForm
    change_password_form = AdminPasswordChangeForm
    list_display = ("username", "first_name", "last_name", "is_active", "last_login")
    list_filter = ("is_active", "is_superuser")
    list_filter_sheet = False
    filter_horizontal = ()
    fieldsets = (
        (None, {"fields": ("username", "password")}),
        ("Person", {"fields": ("first_name", "last_name", "email")}),
        ("May log in", {"fields": ("is_active", "is_superuser")}),
    )
    actions = None

    def get_queryset(self, request: HttpRequest) -> QuerySet[User]:
        found: QuerySet[User] = super().get_queryset(request)
        return found if request.user.is_superuser else found.none()

    def _get_obj_does_not_exist_redirect(
        self, request: HttpRequest, opts: Any, object_id: str
    ) -> HttpResponse:
        if not request.user.is_superuser:
            raise PermissionDenied("Accounts are for superusers to see.")
        raise Http404(f"There is no account {object_id}.")

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """People are deactivated: what they answered stays theirs."""
        return False
