"""Projects: made with a preset, steered while they run, with their members."""

from typing import TYPE_CHECKING, Any, cast

from django import forms
from django.contrib import admin, messages
from django.contrib.auth import get_user_model
from django.core.exceptions import PermissionDenied
from django.db.models import Count, Q, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.views.decorators.http import require_POST
from unfold.admin import TabularInline
from unfold.widgets import (
    UnfoldAdminIntegerFieldWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminTextInputWidget,
)

from annotation.admin.questions import QuestionPages
from annotation.admin.scope import may
from annotation.errors import HoneError
from annotation.models import Membership, Project, ProtocolVersion
from annotation.numbers import whole_number
from annotation.protocols.presets import PRESETS
from annotation.services.projects import create_project
from annotation.show import address, list_address

if TYPE_CHECKING:
    ProjectModelForm = forms.ModelForm[Project]
    MembershipModelForm = forms.ModelForm[Membership]
else:  # Django's own forms take no type when they run
    ProjectModelForm = MembershipModelForm = forms.ModelForm

SETTINGS = (
    "name",
    "guidelines",
    "overlap",
    "lease_seconds",
    "validation_share",
    "test_share",
)


class NewProjectForm(ProjectModelForm):
    """A project and the preset of its first questions; the service makes both."""

    preset = forms.ChoiceField(
        label="Questions",
        choices=[(name, f"{name}: {preset.title}") for name, preset in PRESETS.items()],
        help_text="What annotators are asked. New versions may follow; answers keep "
        "the version they were given under.",
        widget=UnfoldAdminSelectWidget,
    )

    overlap = forms.IntegerField(
        required=False,
        min_value=1,
        max_value=1000,
        help_text="How many people answer each new task. Empty: as the preset says.",
        widget=UnfoldAdminIntegerFieldWidget,
    )

    class Meta:
        model = Project
        fields = ("slug", *SETTINGS)
        help_texts = {
            "name": "What annotators and the panel call it.",
            "slug": "Its name in addresses: small letters, digits and hyphens.",
            "guidelines": "Markdown, shown to annotators; empty: the preset's.",
            "validation_share": "Share of prompt groups, 0 to 0.9, kept for choosing "
            "settings.",
            "test_share": "Share of prompt groups, 0 to 0.9, that no model ever "
            "trains on.",
        }

    def clean(self) -> dict[str, Any]:
        given = super().clean() or {}
        shares = [given.get(name) for name in ("validation_share", "test_share")]
        for name, share in zip(("validation_share", "test_share"), shares, strict=True):
            if share is not None and not 0 <= share <= 0.9:
                self.add_error(name, "Expected a share between 0 and 0.9.")
        if all(shares) and sum(cast(list[float], shares)) >= 1:
            self.add_error("test_share", "The two shares leave nothing to train on.")
        return given


class MemberForm(MembershipModelForm):
    """A member named by account, so that no list of all accounts is shown."""

    username = forms.CharField(
        label="Account",
        max_length=150,
        widget=UnfoldAdminTextInputWidget(attrs={"placeholder": "username"}),
    )

    class Meta:
        model = Membership
        fields = ("username", "role")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name, label in (("username", "Account"), ("role", "Role")):
            self.fields[name].widget.attrs["aria-label"] = label
        if self.instance.pk:
            self.fields["username"].initial = self.instance.user.get_username()
            self.fields["username"].disabled = True

    def clean_username(self) -> str:
        username = str(self.cleaned_data["username"]).strip()
        if not self.instance.pk:
            found = get_user_model().objects.filter(username=username).first()
            if found is None:
                raise forms.ValidationError(
                    "There is no account of that name. Whoever runs this Hone can "
                    "make one: manage.py person, or People, Accounts."
                )
            self.instance.user = found
        return username


class Members(TabularInline):
    """Who works on a project; for its owners alone."""

    model = Membership
    form = MemberForm
    fields = ("username", "role")
    extra = 1
    hide_title = True
    verbose_name = "member"
    verbose_name_plural = "Members"

    def get_queryset(self, request: HttpRequest) -> QuerySet[Membership]:
        found = super().get_queryset(request).select_related("user")
        return cast(QuerySet[Membership], found.order_by("user__username"))

    def _owns(self, request: HttpRequest, project: Any) -> bool:
        return may(request, "manage", project)

    has_view_permission = has_change_permission = _owns
    has_add_permission = has_delete_permission = _owns


class Questions(TabularInline):
    """The versions of a project's questions: to read, since answers lean on them."""

    model = ProtocolVersion
    fields = ("number", "preset", "asks", "created_at", "look")
    readonly_fields = fields
    extra = max_num = 0
    can_delete = False
    hide_title = True
    verbose_name_plural = "Versions of the questions"

    @admin.display(description="asks")
    def asks(self, version: ProtocolVersion) -> str:
        return "; ".join(
            f"{question.get('text', '')} ({question.get('kind', '')}"
            + (f", {question['scale']['id']})" if question.get("scale") else ")")
            for question in version.questions
        )

    @admin.display(description="look")
    def look(self, version: ProtocolVersion) -> SafeString:
        return format_html(
            '<a class="hn-link" href="/app/preview/{}?version={}">the screen</a> '
            '<a class="hn-link" href="{}?version={}">edit as the next</a>',
            version.project.slug,
            version.number,
            reverse("admin:annotation_project_questions", args=[version.project_id]),
            version.number,
        )

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return may(request, "see_answers", obj)

    def _nobody(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    has_add_permission = has_change_permission = has_delete_permission = _nobody


@admin.register(Project)
class ProjectPage(QuestionPages):
    adds = "research"
    changes = "manage"
    project_field = ""
    list_display = (
        "name",
        "state_shown",
        "members_count",
        "open_tasks",
        "overlap",
        "lease_seconds",
        "created_at",
    )
    search_fields = ("name", "slug")
    inlines = (Members, Questions)
    change_form_outer_before_template = "annotation/project_bar.html"
    warn_unsaved_form = True

    def get_queryset(self, request: HttpRequest) -> QuerySet[Project]:
        return (
            super()
            .get_queryset(request)
            .annotate(members_total=Count("memberships", distinct=True))
        )

    @admin.display(description="members")
    def members_count(self, project: Any) -> int:
        return int(project.members_total)

    @admin.display(description="tasks")
    def open_tasks(self, project: Project) -> SafeString:
        from annotation.models import Task

        url = list_address(Task, project=project.slug)
        return format_html('<a class="hn-link" href="{}">tasks</a>', url)

    def get_form(self, request: HttpRequest, obj: Any = None, **kwargs: Any) -> Any:
        if obj is None:
            kwargs["form"] = NewProjectForm
        return super().get_form(request, obj, **kwargs)

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        names = ("Project", "Queue", "Splits")
        first: tuple[Any, ...] = ("name", "slug", "preset") if not obj else ("name",)
        second = ("overlap", "lease_seconds")
        third = ("validation_share", "test_share")
        parts = ((*first, "guidelines"), second, third)
        return [
            (name, {"fields": fields})
            for name, fields in zip(names, parts, strict=True)
            if not obj or name != "Splits"
        ]

    def get_prepopulated_fields(
        self, request: HttpRequest, obj: Any = None
    ) -> dict[str, Any]:
        return {} if obj else {"slug": ("name",)}

    def get_inlines(self, request: HttpRequest, obj: Any) -> Any:
        return self.inlines if obj else ()

    def save_model(
        self, request: HttpRequest, obj: Project, form: Any, change: bool
    ) -> None:
        if change:
            obj.save(update_fields=form.changed_data or None)
            return
        made = create_project(
            slug=obj.slug,
            preset=form.cleaned_data["preset"],
            members={cast(Any, request.user): Membership.Role.OWNER},
            **{name: form.cleaned_data[name] for name in SETTINGS},
        )
        obj.__dict__.update(made.__dict__)

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(require_POST(self.switch))
        return [
            path("<path:object_id>/switch/", view, name="annotation_project_switch"),
            *self.question_urls(),
            *super().get_urls(),
        ]

    def switch(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Pause a project that is open, or open one that is paused."""
        project = self.object_or_404(request, object_id)
        if not self.has_change_permission(request, project):
            raise PermissionDenied("Only owners pause and resume a project.")
        wanted = (
            Project.State.OPEN
            if request.POST.get("to") == Project.State.OPEN
            else Project.State.PAUSED
        )
        Project.objects.filter(pk=project.pk).update(state=wanted)
        said = (
            "The project is open: its queue hands out tasks."
            if wanted == Project.State.OPEN
            else "The project is paused: nothing new is handed out. What people hold "
            "can still be answered."
        )
        messages.success(request, said)
        return HttpResponseRedirect(address(project))

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        try:
            return cast(
                HttpResponse,
                super().changeform_view(
                    request,
                    object_id,
                    form_url,
                    {
                        **(extra_context or {}),
                        "counts": self._counts(object_id),
                        "may_research": self._researches(request, object_id),
                    },
                ),
            )
        except HoneError as error:
            messages.error(request, str(error))
            return HttpResponseRedirect(request.get_full_path())

    def _researches(self, request: HttpRequest, object_id: str | None) -> bool:
        found = self.get_object(request, object_id) if object_id else None
        return found is not None and may(request, "research", found)

    def _counts(self, object_id: str | None) -> dict[str, Any] | None:
        from annotation.models import Task

        project = whole_number(object_id)
        if project is None:
            return None
        return Task.objects.filter(project=project).aggregate(
            tasks=Count("pk"),
            answered=Count("pk", filter=Q(counted__gt=0)),
        )
