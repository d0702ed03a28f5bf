"""How gunicorn serves Hone, under `manage.py up` and in a container alike.

gunicorn --config config/web.py config.wsgi:application
"""

import os
from pathlib import Path

from config.env import env_int, env_str
from config.services import default_var

_cpus = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 2

bind = f"{env_str('HONE_HOST', '127.0.0.1')}:{env_int('HONE_PORT', 8000)}"
workers = env_int("HONE_WEB_WORKERS", max(2, min(_cpus, 8)))
threads = env_int("HONE_WEB_THREADS", 4)
worker_class = "gthread"
# Code is loaded once and shared by all workers; connections open after the fork.
preload_app = True
keepalive = 15
timeout = 60
graceful_timeout = 4
# Heartbeats of workers are file writes: keep them off the disk.
worker_tmp_dir = "/dev/shm" if Path("/dev/shm").is_dir() else None
accesslog = env_str("HONE_ACCESS_LOG", "") or None  # "-" for standard output
loglevel = "warning"
control_socket_disable = True
# Where collectstatic would put files; whitenoise warns when it is not there.
(default_var() / "static").mkdir(parents=True, exist_ok=True)
