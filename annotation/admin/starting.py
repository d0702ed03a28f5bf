"""Lists whose button for adding opens a form of our own, which starts something."""

from typing import Any, ClassVar

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse

from annotation.admin.scope import Scoped
from annotation.permissions import Capability


class Starts(Scoped):
    """Things that are started by a form and watched on a page of their own.

    `adding` names the form too: "Start a round".
    """

    sees: ClassVar[Capability] = "observe"
    adds: ClassVar[Capability | None] = "research"
    list_select_related = ("project",)

    def add_view(
        self,
        request: HttpRequest,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        if not self.has_add_permission(request):
            raise PermissionDenied(
                f"“{self.adding}” takes the role researcher or owner."
            )
        return self.start_view(request)

    def start_view(self, request: HttpRequest) -> HttpResponse:
        """Show the form, or start what it asks for and go to its page."""
        raise NotImplementedError

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        return self.own_page(request, self.object_or_404(request, object_id))

    def own_page(self, request: HttpRequest, row: Any) -> HttpResponse:
        """Show one of them."""
        raise NotImplementedError
