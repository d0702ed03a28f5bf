"""One home for the panel's permissions: every page shows its reader's projects only.

What a role may do is decided in `annotation/permissions.py`. The mixin here asks it
once a request and capability, and applies the answer to lists, objects, choices of
foreign keys and filters alike. An object of another project is not there: 404.
"""

from collections.abc import Iterable, Mapping
from typing import Any, ClassVar, cast

from django.contrib import admin
from django.contrib.admin import SimpleListFilter
from django.db.models import ForeignKey, Model, Q, QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils.safestring import SafeString
from unfold.admin import ModelAdmin

from annotation.models import Project
from annotation.permissions import CAPABILITIES, Capability, with_role
from annotation.show import badge

ENTERS: Capability = "see_answers"
"""The least that opens the panel; annotators, who label at /app/, do not have it."""


def projects(request: HttpRequest, capability: Capability) -> dict[int, Project]:
    """Return the projects in which the reader has a capability, by id, by name.

    The roles are read once a request: lists and menus ask many times over.
    """
    known = cast(list[Project] | None, request.__dict__.get("_scope"))
    if known is None:
        known = []
        if request.user.is_active:
            mine = with_role(request.user).filter(Q(("my_role__isnull", False)))
            known = list(mine.order_by("name"))
        request.__dict__["_scope"] = known
    return {
        project.pk: project
        for project in known
        if capability in CAPABILITIES[cast(Any, project).my_role]
    }


def enters(request: HttpRequest) -> bool:
    """Return whether the panel is open to the one who asks."""
    user = request.user
    return user.is_active and (
        getattr(user, "is_superuser", False) or bool(projects(request, ENTERS))
    )


def may(request: HttpRequest, capability: Capability | None, project: Any) -> bool:
    """Return whether the reader has a capability in a project (None: in any)."""
    if capability is None:
        return False
    allowed = projects(request, capability)
    return bool(allowed) if project is None else project.pk in allowed


class ProjectFilter(SimpleListFilter):
    """Filter by project, naming the reader's own projects only."""

    title = "project"
    parameter_name = "project"

    def lookups(
        self, request: HttpRequest, model_admin: Any
    ) -> Iterable[tuple[str, str]]:
        allowed = projects(request, model_admin.sees)
        if len(allowed) < 2:
            return []
        return [(project.slug, project.name) for project in allowed.values()]

    def queryset(
        self, request: HttpRequest, queryset: QuerySet[Model]
    ) -> QuerySet[Model] | None:
        if slug := self.value():
            return queryset.filter(project__slug=slug)
        return None


class Scoped(ModelAdmin):
    """A page of things that belong to projects.

    `sees`, `adds`, `changes` and `deletes` name the capability behind each verb; None
    means that nobody may. `project_field` leads from the model to its project, and is
    empty where the model is the project itself. With `shared`, rows of no project are
    everybody's to see and nobody's to change. `empty` says what an empty list waits
    for, `adding` is the button's word there, and `tones` colours states that
    `annotation/show.py` does not know.
    """

    sees: ClassVar[Capability] = ENTERS
    adds: ClassVar[Capability | None] = None
    changes: ClassVar[Capability | None] = None
    deletes: ClassVar[Capability | None] = None
    project_field: ClassVar[str] = "project"
    shared: ClassVar[bool] = False
    empty: ClassVar[str] = ""
    adding: ClassVar[str] = ""
    tones: ClassVar[Mapping[str, str]] = {}

    list_per_page = 50
    list_filter_sheet = False
    # Nothing of the record is deleted in bulk.
    actions: Any = None

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        allowed = list(projects(request, self.sees))
        if not self.project_field:
            return super().get_queryset(request).filter(pk__in=allowed)
        mine = Q(**{f"{self.project_field}__in": allowed})
        if self.shared:
            mine |= Q(**{f"{self.project_field}__isnull": True})
        return super().get_queryset(request).filter(mine)

    @admin.display(description="state", ordering="state")
    def state_shown(self, row: Any) -> SafeString:
        """Return the state of a row that has one, as a coloured word."""
        return badge(row.state, row.get_state_display(), self.tones.get(row.state))

    def project_of(self, item: Any) -> Project | None:
        for name in self.project_field.split("__") if self.project_field else ():
            item = getattr(item, name)
        return cast(Project | None, item)

    def _may(
        self, request: HttpRequest, capability: Capability | None, item: Any
    ) -> bool:
        if item is None:
            return may(request, capability, None)
        project = self.project_of(item)
        if project is None:
            return self.shared and capability == self.sees and self._may_at_all(request)
        return may(request, capability, project)

    def _may_at_all(self, request: HttpRequest) -> bool:
        return may(request, self.sees, None)

    def has_module_permission(self, request: HttpRequest) -> bool:
        return self._may_at_all(request)

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self._may(request, self.sees, obj)

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self._may(request, self.adds, None)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self._may(request, self.changes, obj)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self._may(request, self.deletes, obj)

    def _get_obj_does_not_exist_redirect(
        self, request: HttpRequest, opts: Any, object_id: str
    ) -> HttpResponse:
        raise Http404(f"There is no {opts.verbose_name} {object_id}, or not for you.")

    def lookup_allowed(
        self, lookup: str, value: str, request: HttpRequest | None = None
    ) -> bool:
        """Allow what the page's filters offer; Django allows every field of the model.

        By what it matches, a field tells what it holds, shown or not: which tasks are
        control tasks, how sure a model is, a project's seed.
        """
        offered = self.list_filter if request is None else self.get_list_filter(request)
        for each in offered:
            if isinstance(each, str):
                fits = lookup == each or lookup.startswith(f"{each}__")
            else:
                fits = lookup == getattr(each, "parameter_name", None)
            if fits:
                return True
        return False

    def object_or_404(self, request: HttpRequest, object_id: str) -> Any:
        """Return the reader's object of that id.

        Raises:
            Http404: if there is none, or it belongs to another project.
        """
        found = self.get_object(request, object_id)
        if found is None:
            self._get_obj_does_not_exist_redirect(request, self.opts, object_id)
        return found

    def formfield_for_foreignkey(
        self, db_field: ForeignKey[Any, Any], request: HttpRequest, **kwargs: Any
    ) -> Any:
        """Offer what the reader may see; projects: those they may add this to."""
        related = db_field.remote_field.model
        if related is Project and self.adds is not None:
            allowed = projects(request, self.adds)
            kwargs.setdefault("queryset", Project.objects.filter(pk__in=allowed))
        elif isinstance(page := admin.site._registry.get(related), Scoped):
            kwargs.setdefault("queryset", page.get_queryset(request))
        return super().formfield_for_foreignkey(db_field, request, **kwargs)

    def page(
        self, request: HttpRequest, template: str, *, title: str, **context: Any
    ) -> TemplateResponse:
        """Return a page of our own in the panel's frame."""
        request.current_app = self.admin_site.name
        return TemplateResponse(
            request,
            template,
            {
                **self.admin_site.each_context(request),
                # Either names the place in the header: an object's, or a title's.
                **({"opts": self.opts} if "original" in context else {}),
                "title": title,
                "model_admin": self,
                **context,
            },
        )


class ReadOnly(Scoped):
    """A page to read: no form posts to it."""

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False
