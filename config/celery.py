"""The Celery application: queues `default`, `judge` and `gpu`.

Tasks are in `workers/tasks/`; beat's timetable is beside them in `workers/apps.py`.
"""

import os
import warnings

from celery import Celery
from celery.platforms import SecurityWarning

# Images run as a user of their own; who runs the demo as root knows it, and messages
# are JSON, which is what the warning is about.
warnings.filterwarnings("ignore", category=SecurityWarning)
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

app = Celery("hone")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks(["workers"])
