"""The researcher's panel as data: its dress and its sidebar, ordered by the loop."""

from collections.abc import Callable
from typing import Any

from django.http import HttpRequest
from django.templatetags.static import static
from django.urls import reverse_lazy

Item = dict[str, Any]


def _sees(app: str, model: str, verb: str = "view") -> Callable[[HttpRequest], bool]:
    """Return the question whether a request may see (or add to) a model's pages."""

    def asked(request: HttpRequest) -> bool:
        from django.apps import apps
        from django.contrib import admin

        page = admin.site.get_model_admin(apps.get_model(app, model))
        return bool(getattr(page, f"has_{verb}_permission")(request))

    return asked


def _shown(address: Any, *, list_of_it: bool) -> Callable[[HttpRequest], bool]:
    """Return whether a page belongs to a sidebar's item: Runs leaves out launching."""

    def asked(request: HttpRequest) -> bool:
        path = request.path
        if not list_of_it:
            return path == str(address)
        launching = path.endswith("/trainingrun/add/")
        return path.startswith(str(address)) and not launching

    return asked


def _list(title: str, icon: str, app: str, model: str) -> Item:
    address = reverse_lazy(f"admin:{app}_{model}_changelist")
    return {
        "title": title,
        "icon": icon,
        "link": address,
        "active": _shown(address, list_of_it=True),
        "permission": _sees(app, model),
    }


def _add(title: str, icon: str, app: str, model: str) -> Item:
    address = reverse_lazy(f"admin:{app}_{model}_add")
    return {
        "title": title,
        "icon": icon,
        "link": address,
        "active": _shown(address, list_of_it=False),
        "permission": _sees(app, model, "add"),
    }


SIDEBAR: list[Item] = [
    {
        "items": [
            {
                "title": "Overview",
                "icon": "space_dashboard",
                "link": reverse_lazy("admin:index"),
            }
        ]
    },
    {
        "title": "Collect",
        "items": [
            _list("Projects", "folder_open", "annotation", "project"),
            _list("Imports", "upload_file", "annotation", "import"),
            _list("Tasks", "rule", "annotation", "task"),
            _list("Feedback", "how_to_vote", "annotation", "feedback"),
            _list("Principles", "balance", "annotation", "libraryprinciple"),
            _list("Judges", "gavel", "annotation", "judge"),
            _list("Prompts", "chat_bubble", "annotation", "prompt"),
            _list("Completions", "forum", "annotation", "completion"),
        ],
    },
    {
        "title": "Freeze",
        "items": [_list("Snapshots", "ac_unit", "training", "snapshot")],
    },
    {
        "title": "Train",
        "items": [
            _add("Launch a run", "rocket_launch", "training", "trainingrun"),
            _list("Runs", "model_training", "training", "trainingrun"),
        ],
    },
    {
        "title": "Compare",
        "items": [
            _list("Models", "hub", "training", "modelversion"),
            _list("Evaluations", "fact_check", "training", "evaluation"),
        ],
    },
    {
        "title": "Next round",
        "items": [
            _list("Rounds", "autorenew", "training", "round"),
            _list("Who answers", "alt_route", "training", "routingplan"),
            _list("Curation", "rule", "training", "curationjob"),
        ],
    },
    {
        "title": "People",
        "separator": True,
        "items": [
            _list("Accounts", "group", "auth", "user"),
            _list("API tokens", "key", "annotation", "apitoken"),
        ],
    },
]

# One accent, the workspace's green; greys otherwise.
ACCENT = {
    "50": "#effaf8",
    "100": "#d4f1ec",
    "200": "#abe2da",
    "300": "#79cdc2",
    "400": "#4fb8ab",
    "500": "#2ba395",
    "600": "#0f6f68",
    "700": "#0d5d57",
    "800": "#0c4b47",
    "900": "#0b3d3a",
    "950": "#052422",
}

UNFOLD: dict[str, Any] = {
    "SITE_TITLE": "Hone",
    "SITE_HEADER": "Hone",
    "SITE_SUBHEADER": "Researcher's panel",
    "SITE_URL": "/app/",
    "SITE_ICON": lambda request: static("hone/icon.svg"),
    "SITE_FAVICONS": [
        {
            "rel": "icon",
            "type": "image/svg+xml",
            "href": lambda request: static("hone/icon.svg"),
        }
    ],
    "SHOW_HISTORY": False,
    "SHOW_VIEW_ON_SITE": False,
    "BORDER_RADIUS": "6px",
    "COLORS": {"primary": ACCENT},
    "STYLES": [lambda request: static("hone/panel.css")],
    "SCRIPTS": [lambda request: static("hone/panel.js")],
    "DASHBOARD_CALLBACK": "training.admin.dashboard.fill",
    "LOGIN": {"form": "config.admin.SignInForm"},
    "SIDEBAR": {"show_search": False, "navigation": SIDEBAR},
}
