"""Where requests go: the API, the admin panel, and the workspace for all the rest."""

from django.contrib import admin
from django.urls import path, re_path
from django.views.generic import RedirectView

from config.api import api
from config.workspace import workspace

urlpatterns = [
    path("api/v1/", api.urls),
    path("admin/", admin.site.urls),
    re_path(r"^app/.*$", workspace, name="workspace"),
    path("", RedirectView.as_view(url="/app/", permanent=False)),
]
