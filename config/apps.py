"""Which admin site Django serves."""

from django.contrib.admin.apps import AdminConfig


class PanelConfig(AdminConfig):
    """Django's admin with Hone's site: its own rule on who gets in."""

    default_site = "config.admin.PanelSite"
