"""The panel's page on which a project's next questions are made and looked at."""

from typing import Any, cast

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.urls import URLPattern, path
from django.views.decorators.http import require_POST

from annotation.admin.question_forms import (
    QuestionFormSet,
    QuestionList,
    examples,
    initial_of,
)
from annotation.admin.scope import Scoped, may
from annotation.errors import HoneError
from annotation.models import Project
from annotation.numbers import whole_number
from annotation.protocols.presets import PRESETS
from annotation.services.previewing import (
    drop_draft,
    keep_draft,
    questions_of_version,
)
from annotation.services.projects import publish_protocol
from annotation.show import address


class QuestionPages(Scoped):
    """A project's questions: edited as a whole, published as the next version."""

    def question_urls(self) -> list[URLPattern]:
        wrapped = self.admin_site.admin_view
        return [
            path(
                "<path:object_id>/questions/",
                wrapped(self.edit_questions),
                name="annotation_project_questions",
            ),
            path(
                "<path:object_id>/questions/draft/",
                wrapped(require_POST(self.draft_questions)),
                name="annotation_project_draft",
            ),
        ]

    def edit_questions(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Show the newest version, an earlier one or a preset; publish what comes."""
        project = self._project(request, object_id)
        if request.method == "POST":
            asked = cast(
                QuestionList, QuestionFormSet(request.POST, prefix="questions")
            )
            if asked.is_valid() and self._publish(request, project, asked):
                return HttpResponseRedirect(address(project))
            preset = ""
        else:
            preset = request.GET.get("preset", "")
            begun = self._begun(request, project, preset)
            asked = cast(
                QuestionList,
                QuestionFormSet(initial=initial_of(begun), prefix="questions"),
            )
        return self.page(
            request,
            "annotation/questions.html",
            title=f"Questions of {project.name}",
            original=project,
            project=project,
            asked=asked,
            preset=PRESETS.get(preset),
            presets=PRESETS.values(),
            examples=examples(),
            newest=project.protocol.number,
        )

    def draft_questions(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Keep what is being edited for its preview, or say what it lacks."""
        project = self._project(request, object_id)
        asked = cast(QuestionList, QuestionFormSet(request.POST, prefix="questions"))
        if not asked.is_valid():
            return JsonResponse({"kept": False})
        keep_draft(
            project=project,
            user=cast(int, request.user.pk),
            questions=asked.questions,
        )
        return JsonResponse({"kept": True, "questions": asked.questions})

    def _project(self, request: HttpRequest, object_id: str) -> Project:
        project = cast(Project, self.object_or_404(request, object_id))
        if not may(request, "research", project):
            raise PermissionDenied(
                "Researchers and owners change a project's questions."
            )
        return project

    def _begun(
        self, request: HttpRequest, project: Project, preset: str
    ) -> list[dict[str, Any]]:
        if preset in PRESETS:
            return PRESETS[preset].questions
        number = request.GET.get("version", "")
        wanted = whole_number(number)
        found: list[dict[str, Any]] = questions_of_version(project, wanted)[1]
        return found

    def _publish(
        self, request: HttpRequest, project: Project, asked: QuestionList
    ) -> bool:
        """Publish the questions; where they are refused, say so at their fields."""
        try:
            version = publish_protocol(
                project=project,
                questions=asked.questions,
                unseen_tasks="unseen_tasks" in request.POST,
            )
        except HoneError as error:
            messages.error(request, str(error))
            asked.show(error.fields, asked.ordered_forms)
            return False
        drop_draft(project=project, user=cast(int, request.user.pk))
        messages.success(
            request,
            f"Version {version.number} is published. Answers keep the version that "
            "they were given under.",
        )
        return True
