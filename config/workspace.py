"""Serve the built workspace: one page, whose script draws every screen under /app/."""

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.views.decorators.csrf import ensure_csrf_cookie
from django.views.decorators.http import require_safe


@require_safe
@ensure_csrf_cookie
def workspace(request: HttpRequest) -> HttpResponse:
    page = settings.FRONTEND_DIST / "index.html"
    try:
        body = page.read_bytes()
    except FileNotFoundError:
        return HttpResponse(
            "The workspace is not built: expected frontend/dist/index.html, found "
            "nothing there. Run `make demo`, or `npm run build` in frontend/.\n",
            status=503,
            content_type="text/plain; charset=utf-8",
        )
    response = HttpResponse(body, content_type="text/html; charset=utf-8")
    response["Cache-Control"] = "no-cache"
    return response
