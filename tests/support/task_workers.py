"""Backends of Django's Tasks framework, and real workers of theirs."""

from collections.abc import Mapping
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any, ClassVar

from tests.support.celery_workers import QUEUES, Program
from tests.support.waiting import until

BACKENDS = {
    "database": "django_tasks_db.DatabaseBackend",
    "rq": "django_tasks_rq.RQBackend",
}
FRAMEWORK = "django.tasks" if find_spec("django.tasks") else "django_tasks"
APPS = [*([] if FRAMEWORK == "django.tasks" else [FRAMEWORK]), "django_tasks_db", "django_rq"]


def task_settings(alias: str, redis_url: str) -> dict[str, Any]:
    """The settings of a project whose operations run on this backend."""
    queue = {"URL": redis_url, "DEFAULT_TIMEOUT": -1}
    return {
        "TASKS": {name: {"BACKEND": path, "QUEUES": []} for name, path in BACKENDS.items()},
        "OPERATIONS_TASK_BACKEND": alias,
        "RQ_QUEUES": dict.fromkeys((*QUEUES, "default"), queue),
    }


def unfinished(alias: str) -> int:
    """How many messages wait, or are with a worker."""
    if alias == "database":
        return int(_messages().filter(status__in=["READY", "RUNNING"]).count())
    return sum(
        len(queue) + len(queue.started_job_registry) + len(queue.scheduled_job_registry)
        for queue in _rq_queues()
    )


def forget_begun(alias: str) -> None:
    """Remove the messages of a killed worker: its backend waits for it for ever."""
    if alias == "database":
        _messages().filter(status="RUNNING").delete()
    for queue in _rq_queues() if alias == "rq" else ():
        for number in queue.started_job_registry.get_job_ids():
            queue.fetch_job(number).delete()


def stored_failures(alias: str) -> str:
    """What the backend keeps of failed messages."""
    if alias == "database":
        return "".join(str(each) for each in _messages().filter(status="FAILED").values())
    return "".join(
        str(queue.fetch_job(number).latest_result().exc_string)
        for queue in _rq_queues()
        for number in queue.failed_job_registry.get_job_ids()
    )


def _messages() -> Any:
    return import_module("django_tasks_db.models").DBTaskResult.objects


def _rq_queues() -> list[Any]:
    return [import_module("django_rq").get_queue(name) for name in QUEUES]


class TaskWorker(Program):
    """``manage.py`` with the command that is the backend's worker."""

    settings = "tests.projects.worker_actions.on_django_tasks"
    _words: ClassVar = {
        "database": [
            *("db_worker", "--backend", "database", "--queue-name", "*"),
            *("--interval", "0.1", "--no-startup-delay", "--no-reload"),
        ],
        "rq": ["rqworker", "--with-scheduler", "--job-class", "django_tasks_rq.Job", *QUEUES],
    }

    def __init__(self, directory: Path, env: Mapping[str, str], alias: str) -> None:
        super().__init__(directory, env, "manage.py", *self._words[alias])

    def until_ready(self) -> None:
        until(self._is_ready)

    def _is_ready(self) -> bool:
        assert self.is_running(), self.log()
        return "Starting worker" in self.log() or "Listening on" in self.log()


class Watch(Program):
    """``manage.py watch_operations --every 1``."""

    settings = TaskWorker.settings

    def __init__(self, directory: Path, env: Mapping[str, str]) -> None:
        super().__init__(directory, env, "manage.py", "watch_operations", "--every", "1")
