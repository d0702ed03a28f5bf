"""Hone's settings, read from the environment (see docs/operations.md)."""

import fcntl
import os
import secrets
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from config.env import env_bool, env_int, env_list, env_str
from config.panel import UNFOLD as UNFOLD
from config.services import service_urls

BASE_DIR = Path(__file__).resolve().parent.parent
VAR = Path(env_str("HONE_VAR", str(BASE_DIR / "var"))).resolve()
ARTIFACTS = VAR / "artifacts"
FRONTEND_DIST = BASE_DIR / "frontend" / "dist"


def _secret_key() -> str:
    """Return HONE_SECRET_KEY, or one made once and kept under var/ (mode 600)."""
    if given := os.environ.get("HONE_SECRET_KEY"):
        return given
    VAR.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(VAR / "secret_key", os.O_RDWR | os.O_CREAT, 0o600)
    with os.fdopen(descriptor, "r+") as file:
        fcntl.flock(file, fcntl.LOCK_EX)  # web and workers may start together
        key = file.read()
        if not key:
            key = secrets.token_urlsafe(50)
            file.write(key)
    return key


def _database(url: str) -> dict[str, Any]:
    """Return Django's database settings for a postgresql:// URL."""
    parts = urlsplit(url)
    query = dict(pair.split("=", 1) for pair in parts.query.split("&") if "=" in pair)
    return {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": unquote(parts.path.lstrip("/")) or "postgres",
        "USER": unquote(parts.username or ""),
        "PASSWORD": unquote(parts.password or ""),
        "HOST": unquote(query.pop("host", parts.hostname or "")),
        "PORT": str(query.pop("port", parts.port or "")),
        "CONN_MAX_AGE": env_int("HONE_DB_CONN_MAX_AGE", 600),
        "CONN_HEALTH_CHECKS": True,
        "OPTIONS": {"connect_timeout": 5} | query,
    }


SECRET_KEY = _secret_key()
DEBUG = env_bool("HONE_DEBUG", False)
ALLOWED_HOSTS = env_list("HONE_ALLOWED_HOSTS", ["localhost", "127.0.0.1", "[::1]"])
CSRF_TRUSTED_ORIGINS = env_list("HONE_TRUSTED_ORIGINS", [])
HTTPS = env_bool("HONE_HTTPS", False)

INSTALLED_APPS = [
    "unfold.apps.BasicAppConfig",
    "config.apps.PanelConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.postgres",
    "annotation",
    "training",
    "workers",
]
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    # Before the static files: the workspace's page is one of them, too.
    "config.middleware.ContentPolicy",
    "config.middleware.BodyLimit",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "annotation.api.errors.ApiErrors",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
]
ROOT_URLCONF = "config.urls"
WSGI_APPLICATION = "config.wsgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "config" / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
        },
    },
]

_urls = service_urls(VAR)
DATABASES = {"default": _database(_urls.database_url)}
REDIS_URL = _urls.redis_url
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

CACHES = {
    "default": {
        "BACKEND": "config.cache.SteadyRedisCache",
        "LOCATION": REDIS_URL,
        "OPTIONS": {"socket_connect_timeout": 2, "socket_timeout": 2},
        "KEY_PREFIX": "hone",
    }
}
# A signed-in annotator costs no session query; logging out still ends the session,
# because rows in the database remain the truth behind the cache.
SESSION_ENGINE = "django.contrib.sessions.backends.cached_db"
SESSION_COOKIE_AGE = 14 * 24 * 3600
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = SECURE_SSL_REDIRECT = HTTPS
SECURE_HSTS_SECONDS = 31_536_000 if HTTPS else 0
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if HTTPS else None
X_FRAME_OPTIONS = "DENY"
SECURE_REFERRER_POLICY = "same-origin"

AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in (
        "UserAttributeSimilarityValidator",
        "MinimumLengthValidator",
        "CommonPasswordValidator",
    )
]
PASSWORD_HASHERS = [
    "django.contrib.auth.hashers.Argon2PasswordHasher",
    "django.contrib.auth.hashers.PBKDF2PasswordHasher",
]
LOGIN_URL = "/app/login"
LOGIN_REDIRECT_URL = "/app/"
SIGN_IN_ATTEMPTS = env_int("HONE_SIGN_IN_ATTEMPTS", 10)
# How many proxies stand before the web server, each adding to X-Forwarded-For.
PROXIES = env_int("HONE_PROXIES", 0)
SIGN_IN_WINDOW_SECONDS = env_int("HONE_SIGN_IN_WINDOW_SECONDS", 300)

LANGUAGE_CODE = "en"
TIME_ZONE = env_str("HONE_TIME_ZONE", "UTC")
USE_TZ = True

STATIC_URL = "/static/"
STATIC_ROOT = VAR / "static"
STATICFILES_DIRS = [("app", FRONTEND_DIST)] if FRONTEND_DIST.is_dir() else []
WHITENOISE_USE_FINDERS = True
# The build names these files by their content.
WHITENOISE_IMMUTABLE_FILE_TEST = r"^/static/app/assets/"
DATA_UPLOAD_MAX_MEMORY_SIZE = 8 * 2**20
FILE_UPLOAD_MAX_MEMORY_SIZE = 2 * 2**20
FILE_UPLOAD_TEMP_DIR = None

# Celery: rows are the truth, messages only wake workers (docs/adr/0004).
CELERY_BROKER_URL = REDIS_URL
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_ACKS_LATE = False
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_TASK_DEFAULT_QUEUE = "default"
CELERY_BEAT_SYNC_EVERY = 1  # each tick is written: beat's health check looks at it
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BROKER_TRANSPORT_OPTIONS = {"socket_keepalive": True, "max_retries": 3}
CELERY_WORKER_HIJACK_ROOT_LOGGER = False

# Uploads of rows (annotation/services/importing/queued.py).
IMPORT_MAX_BYTES = env_int("HONE_IMPORT_MAX_BYTES", 2 * 2**30)
IMPORT_MAX_UNPACKED_BYTES = env_int("HONE_IMPORT_MAX_UNPACKED_BYTES", 32 * 2**30)

# Reactions of end users (annotation/services/reacting.py).
REACTIONS_PER_MINUTE = env_int("HONE_REACTIONS_PER_MINUTE", 6000)
REACTIONS_PER_USER_PER_DAY = env_int("HONE_REACTIONS_PER_USER_PER_DAY", 1000)

# Images in texts (annotation/services/media.py).
MEDIA = VAR / "media"
MEDIA_MAX_BYTES = env_int("HONE_MEDIA_MAX_BYTES", 8 * 2**20)
MEDIA_MAX_PIXELS = env_int("HONE_MEDIA_MAX_PIXELS", 50_000_000)
MEDIA_PROJECT_BYTES = env_int("HONE_MEDIA_PROJECT_BYTES", 4 * 2**30)
MEDIA_PERSON_BYTES_PER_DAY = env_int("HONE_MEDIA_PERSON_BYTES_PER_DAY", 2**30)

# The queue (annotation/services/leasing.py).
LEASES_PER_CALL = env_int("HONE_LEASES_PER_CALL", 20)
LIVE_LEASES_PER_PERSON = env_int("HONE_LIVE_LEASES_PER_PERSON", 60)
QUEUE_FULL_PASS_SECONDS = env_int("HONE_QUEUE_FULL_PASS_SECONDS", 2)
QUEUE_LOOK_BACK_SECONDS = env_int("HONE_QUEUE_LOOK_BACK_SECONDS", 60)

# Live prompts (training/services/talking.py).
LIVE_PROMPT_CHARACTERS = env_int("HONE_LIVE_PROMPT_CHARACTERS", 8000)
LIVE_TURNS_PER_MINUTE = env_int("HONE_LIVE_TURNS_PER_MINUTE", 12)
LIVE_TURNS_PER_TALK = env_int("HONE_LIVE_TURNS_PER_TALK", 40)
LIVE_REPLIES_PER_PERSON = env_int("HONE_LIVE_REPLIES_PER_PERSON", 4)
LIVE_TRIES_PER_REPLY = env_int("HONE_LIVE_TRIES_PER_REPLY", 8)
# Replies that one process writes side by side.
LIVE_REPLIES_AT_ONCE = env_int("HONE_LIVE_REPLIES_AT_ONCE", 4)
LIVE_NEW_TOKENS = env_int("HONE_LIVE_NEW_TOKENS", 256)
LIVE_SILENT_SECONDS = env_int("HONE_LIVE_SILENT_SECONDS", 180)

# Runs (training/services/runs.py).
RUN_HEARTBEAT_SECONDS = env_int("HONE_RUN_HEARTBEAT_SECONDS", 5)
RUN_SILENT_SECONDS = env_int("HONE_RUN_SILENT_SECONDS", 60)
RUN_MAX_ATTEMPTS = env_int("HONE_RUN_MAX_ATTEMPTS", 3)
RUN_GRACE_SECONDS = env_int("HONE_RUN_GRACE_SECONDS", 30)
UPKEEP_SECONDS = env_int("HONE_UPKEEP_SECONDS", 10)
# Runs may ask a model hub for models; off, they use what is on the machine.
MODEL_HUB = env_bool("HONE_MODEL_HUB", False)
# Directories whose models every project's people may name (model_places.py).
MODEL_DIRECTORIES = env_list("HONE_MODEL_DIRECTORIES", [])
# Endpoints that judges may call: this machine ("loopback") and origins by name.
JUDGE_ENDPOINTS = env_list("HONE_JUDGE_ENDPOINTS", ["loopback"])

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        "line": {"format": "{asctime} {levelname} {name}: {message}", "style": "{"}
    },
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line"}},
    "root": {"handlers": ["stderr"], "level": env_str("HONE_LOG_LEVEL", "INFO")},
    # A line for every message received and every task ended would drown the rest:
    # beat alone sends two every ten seconds.
    "loggers": {
        "celery.worker.strategy": {"level": "WARNING"},
        "celery.app.trace": {"level": "WARNING"},
    },
}
