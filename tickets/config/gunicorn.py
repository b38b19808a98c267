"""Settings of gunicorn: ``gunicorn --config python:tickets.config.gunicorn``.

Bind address, workers and the like come from gunicorn's own options and variables. The logs hold no
token and no Referer.
"""

import os
from typing import Any

from token_rotation.streaming import web_server

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tickets.config.settings")
os.environ.setdefault("DATABASE_CONNECTION_SECONDS", "60")

wsgi_app = "tickets.config.wsgi"
access_log_format = '%(h)s "%(r)s" %(s)s %(B)s bytes %(M)s ms'
control_socket_disable = True  # its default path is one for all servers of an account


def post_worker_init(worker: Any) -> None:
    """Attach long reports to the worker.

    During a report a sync worker seems silent, and gunicorn kills it after ``timeout`` seconds; so
    the report sends its signs of life. In a threaded worker the main thread does that. In both a
    report ends when the worker must stop. A worker that has served its ``max_requests`` may finish.
    """
    sync = type(worker).__name__ == "SyncWorker"
    web_server.attach(
        beat=worker.notify if sync else lambda: None,
        is_stopping=lambda: not worker.alive and worker.nr < worker.max_requests,
    )


def _logger(handler: str) -> dict[str, Any]:
    return {"level": "INFO", "handlers": [handler], "propagate": False}


def _stream(name: str) -> dict[str, Any]:
    return {
        "class": "logging.StreamHandler",
        "stream": f"ext://sys.{name}",
        "formatter": "line",
        "filters": ["mask_tokens"],
    }


logconfig_dict: dict[str, Any] = {
    "version": 1,
    "disable_existing_loggers": False,
    "filters": {"mask_tokens": {"()": "tickets.config.masking.MaskTokens"}},
    "formatters": {"line": {"format": "%(asctime)s [%(process)d] %(levelname)s %(message)s"}},
    "handlers": {"requests": _stream("stdout"), "events": _stream("stderr")},
    "loggers": {"gunicorn.access": _logger("requests"), "gunicorn.error": _logger("events")},
    "root": {"level": "INFO", "handlers": ["events"]},
}
