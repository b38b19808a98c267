"""Settings, all of them from the environment.

docs/reference/settings.md names the variables.
"""

from pathlib import Path
from typing import Any

from django.core.exceptions import ImproperlyConfigured
from django.core.management.utils import get_random_secret_key
from environs import Env, EnvError, validate

from tickets.config.database import DatabaseParts, database_settings

BASE_DIR = Path(__file__).resolve().parents[2]

env = Env()

try:
    DEBUG = env.bool("DJANGO_DEBUG", default=False)
    ALLOWED_HOSTS: list[str] = env.list("DJANGO_ALLOWED_HOSTS", default=[])
    CSRF_TRUSTED_ORIGINS: list[str] = env.list("DJANGO_CSRF_TRUSTED_ORIGINS", default=[])
    # Empty is enough for management commands; wsgi.py refuses it.
    SECRET_KEY = env.str("DJANGO_SECRET_KEY", default=get_random_secret_key() if DEBUG else "")
    SECURE_HSTS_SECONDS = env.int("DJANGO_HSTS_SECONDS", default=0 if DEBUG else 31_536_000)
    SECURE_SSL_REDIRECT = env.bool("DJANGO_SSL_REDIRECT", default=not DEBUG)
    _BEHIND_TLS_PROXY = env.bool("DJANGO_BEHIND_TLS_PROXY", default=False)
    TRUSTED_PROXIES = env.int(
        "DJANGO_TRUSTED_PROXIES", default=int(_BEHIND_TLS_PROXY), validate=validate.Range(min=0)
    )
    LOOKUP_LIMIT_FAILURES = env.int(
        "LOOKUP_LIMIT_FAILURES", default=300, validate=validate.Range(min=0)
    )
    LOOKUP_LIMIT_SECONDS = env.int(
        "LOOKUP_LIMIT_SECONDS", default=600, validate=validate.Range(min=1)
    )
    LOOKUP_LIMIT_STORAGE = env.str("LOOKUP_LIMIT_STORAGE", default="database://")
    METRICS_TOKEN = env.str("METRICS_TOKEN", default="")
    TOKEN_ROTATION_INTAKE_PUBLIC_KEYS_URL = env.str(
        "TOKEN_ROTATION_INTAKE_PUBLIC_KEYS_URL", default=None
    )
    TOKEN_ROTATION_INTAKE_BEARER = env.str("TOKEN_ROTATION_INTAKE_BEARER", default="")
    TOKEN_ROTATION_EVIDENCE_SIGNING_KEY = env.str(
        "TOKEN_ROTATION_EVIDENCE_SIGNING_KEY", default=None
    )
    TOKEN_ROTATION_EVIDENCE_PUBLIC_KEY = env.str("TOKEN_ROTATION_EVIDENCE_PUBLIC_KEY", default=None)
    _VAR_DIRECTORY = env.str("TICKETS_VAR_DIR", default=str(BASE_DIR / "var"))
    _DATABASE_URL = env.str("DATABASE_URL", default=None)
    _DATABASE_PARTS = DatabaseParts(
        host=env.str("DATABASE_HOST", default=""),
        port=env.int("DATABASE_PORT", default=0),
        name=env.str("DATABASE_NAME", default=""),
        user=env.str("DATABASE_USER", default=""),
        password=env.str("DATABASE_PASSWORD", default=""),
    )
    CELERY_BROKER_URL = env.str("CELERY_BROKER_URL", default="redis://127.0.0.1:6379/0")
    OPERATIONS_ALWAYS_SYNCHRONOUS = env.bool("OPERATIONS_ALWAYS_SYNCHRONOUS", default=False)
    _ADMIN_ADDRESSES: list[str] = env.list("DJANGO_ADMINS", default=[])
    SERVER_EMAIL = env.str("SERVER_EMAIL", default="root@localhost")
    SITE_URL = env.str("SITE_URL", default="")
    EMAIL_BACKEND = env.str("EMAIL_BACKEND", default="django.core.mail.backends.smtp.EmailBackend")
    EMAIL_HOST = env.str("EMAIL_HOST", default="localhost")
    EMAIL_PORT = env.int("EMAIL_PORT", default=25)
    EMAIL_HOST_USER = env.str("EMAIL_HOST_USER", default="")
    EMAIL_HOST_PASSWORD = env.str("EMAIL_HOST_PASSWORD", default="")
    EMAIL_USE_TLS = env.bool("EMAIL_USE_TLS", default=False)
    _DISABLE_CURSORS = env.bool("DATABASE_DISABLE_SERVER_SIDE_CURSORS", default=False)
    _CONNECTION_SECONDS = env.int("DATABASE_CONNECTION_SECONDS", default=0)
except EnvError as error:
    raise ImproperlyConfigured(str(error)) from error
if not _VAR_DIRECTORY.strip():
    raise ImproperlyConfigured(
        "TICKETS_VAR_DIR is set but empty: unset it to use var/ in the project, or fill it in"
    )

SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE_HSTS_PRELOAD = SECURE_HSTS_SECONDS > 0
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = not DEBUG
if _BEHIND_TLS_PROXY:
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")

# For every page, also the admin's: only content of this site, nothing inline.
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": ["'none'"],
        "script-src": ["'self'"],
        "style-src": ["'self'"],
        "img-src": ["'self'", "data:"],
        "font-src": ["'self'"],
        "connect-src": ["'self'"],
        "form-action": ["'self'"],
        "base-uri": ["'none'"],
        "frame-ancestors": ["'none'"],
    }
}

DATABASES = {
    "default": database_settings(
        _DATABASE_URL,
        _DATABASE_PARTS,
        # Absolute: the embedded server's keeper works in another directory.
        embedded_directory=Path(_VAR_DIRECTORY).resolve() / "postgres",
        disable_server_side_cursors=_DISABLE_CURSORS,
    )
}
# gunicorn.py keeps connections. A new one for every request costs more than most requests, and a
# rotation, which gives way to sessions at work, misses sessions that are that short.
DATABASES["default"] |= {
    "CONN_MAX_AGE": _CONNECTION_SECONDS,
    "CONN_HEALTH_CHECKS": _CONNECTION_SECONDS > 0,
}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
MIGRATION_MODULES = {"tickets": "migrations"}

INSTALLED_APPS = [
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "pgtrigger",
    "tickets",
    "token_rotation",
    "token_rotation.operations",
    "tickets.lookup_limit",
    "token_rotation.page",
]

# From Django 6.0 on a search column asks for django.contrib.postgres. It needs nothing of that app,
# which looks other types up on a connection more, in whichever thread connects first.
SILENCED_SYSTEM_CHECKS = ["postgres.E005"]

MIDDLEWARE = [
    "csp.middleware.CSPMiddleware",
    "tickets.secrecy.keep_links_secret",
    "tickets.probes.answer_probes",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
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

AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in (
        "UserAttributeSimilarityValidator",
        "MinimumLengthValidator",
        "CommonPasswordValidator",
        "NumericPasswordValidator",
    )
]

ROOT_URLCONF = "tickets.config.urls"
WSGI_APPLICATION = "tickets.config.wsgi.application"
STATIC_URL = "static/"
# Serve static files from the installed apps: no collectstatic at deployment.
WHITENOISE_USE_FINDERS = True
LANGUAGE_CODE = "en-us"
TIME_ZONE = "UTC"
USE_TZ = True

DEFAULT_FROM_EMAIL = SERVER_EMAIL
ADMINS = [("", address) for address in _ADMIN_ADDRESSES]
# A silent mail server must not block a worker.
EMAIL_TIMEOUT = 10

OPERATIONS_CELERY_APP = "tickets.config.celery.app"
OPERATIONS_MASK = "tickets.config.masking.mask"

# Every task is short, or divided into short parts. All times are in seconds. manage.py check checks
# how they depend on each other (token_rotation_operations.E001 to E003).
CELERY_TASK_SOFT_TIME_LIMIT = 25 * 60
CELERY_TASK_TIME_LIMIT = 30 * 60
CELERY_BROKER_TRANSPORT_OPTIONS: dict[str, Any] = {
    "visibility_timeout": 60 * 60,
    # Without these a publisher waits for an unreachable broker for ever.
    "max_retries": 2,
    "interval_start": 0,
    "interval_step": 0.2,
    "socket_connect_timeout": 3,
    "socket_timeout": 10,
}
CELERY_TASK_PUBLISH_RETRY_POLICY = {"max_retries": 2, "interval_start": 0, "interval_step": 0.2}
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BROKER_CONNECTION_MAX_RETRIES = None  # a worker waits for its broker without limit
CELERY_TASK_SERIALIZER = "json"
CELERY_ACCEPT_CONTENT = ["json"]
CELERY_RESULT_BACKEND = None  # the database has the results
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_REJECT_ON_WORKER_LOST = True
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
# A task continues without its broker. A second delivery finds it finished.
CELERY_WORKER_CANCEL_LONG_RUNNING_TASKS_ON_CONNECTION_LOSS = False
CELERY_TASK_QUEUES: dict[str, Any] = {"operations-high": {}, "operations-default": {}}
CELERY_TASK_DEFAULT_QUEUE = "operations-default"
CELERY_BEAT_SCHEDULE = {
    "watch operations": {
        "task": "token_rotation.operations.watch_operations",
        "schedule": 60.0,
        "options": {"queue": "operations-high", "priority": 0, "expires": 60},
    },
}

# All logs go to stderr, errors also to ADMINS; tokens are masked.
LOGGING: dict[str, Any] = {
    "version": 1,
    "disable_existing_loggers": False,
    "filters": {"mask_tokens": {"()": "tickets.config.masking.MaskTokens"}},
    "formatters": {"line": {"format": "%(asctime)s [%(process)d] %(levelname)s %(message)s"}},
    "handlers": {
        "stderr": {
            "class": "logging.StreamHandler",
            "formatter": "line",
            "filters": ["mask_tokens"],
        },
        "mail_admins": {
            "class": "django.utils.log.AdminEmailHandler",
            "level": "ERROR",
            "filters": ["mask_tokens"],
        },
    },
    "root": {"handlers": ["stderr"]},
    "loggers": {
        "django": {"handlers": ["mail_admins"], "level": "INFO"},
        "celery": {"level": "INFO"},
        "token_rotation.operations": {"level": "INFO"},
        # runserver's request lines, which Django would print through a handler of its own
        "django.server": {"handlers": ["stderr"], "level": "INFO", "propagate": False},
    },
}
DEFAULT_EXCEPTION_REPORTER = "tickets.config.error_report.MaskingReporter"
