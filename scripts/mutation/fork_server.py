"""A process that has what tests need in memory, and forks a child for each run of some tests.

Requests and answers are lines of JSON. It knows nothing of the project: each child imports that
anew, as it then is. Started as ``python -m mutation.fork_server`` within a copy of the project.
"""

import importlib
import json
import os
import signal
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

# Whatever is large, belongs to others and can be imported without Django's settings.
# fmt: off
PRELOADED = [
    "pytest", "_pytest.assertion.rewrite", "_pytest.python", "_pytest.fixtures",
    "_pytest.terminal", "django.db", "django.db.models", "django.db.backends.postgresql.base",
    "django.core.management", "django.test", "django.template", "django.contrib.admin.utils",
    "django.forms", "django.core.handlers.wsgi", "django.views.debug", "psycopg2.extras",
    "celery", "kombu", "redis", "tqdm", "psutil", "celery.app.base", "celery.app.task",
    "kombu.transport.redis", "celery.backends.redis", "dj_database_url", "coverage",
]
# fmt: on
POLL_SECONDS = 0.02


def main() -> None:
    """Answer requests until there are no more."""
    for name in PRELOADED:
        with suppress(Exception):
            importlib.import_module(name)
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # whatever anything prints is no answer
    for line in sys.stdin:
        request = json.loads(line)
        answers.write(json.dumps(_run(request)) + "\n")
        answers.flush()


def _run(request: dict[str, Any]) -> dict[str, Any]:
    report = Path(request["report"])
    report.unlink(missing_ok=True)
    child = os.fork()
    if child == 0:
        try:
            code = _child(request, report)
        except BaseException as error:  # noqa: BLE001  (the child must end here)
            sys.stderr.write(f"{error!r}\n")
            code = 99
        os._exit(code)
    ended = _wait(child, request["seconds"])
    with suppress(ProcessLookupError):
        os.killpg(child, signal.SIGKILL)  # what the tests have left
    kept = json.loads(report.read_text()) if report.exists() else {}
    return {"code": ended, **kept}


def _wait(child: int, seconds: float) -> int | None:
    """The exit code; None when it had to be killed."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            return os.waitstatus_to_exitcode(status)
        time.sleep(POLL_SECONDS)
    os.killpg(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return None


def _child(request: dict[str, Any], report: Path) -> int:
    os.setsid()
    log = os.open(request["log"], os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    os.dup2(log, 1)
    os.dup2(log, 2)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.environ.update(request["environment"])
    sys.path.insert(0, f"{Path.cwd()}")
    sys.dont_write_bytecode = True
    coverage = _coverage(request["modules"]) if request["modules"] else None

    import pytest  # noqa: PLC0415

    from mutation.plugin import Plugin  # noqa: PLC0415

    plugin = Plugin(
        report,
        tests=request["order"],
        limits=request["limits"],
        template_url=request["template_url"],
        coverage=coverage,
    )
    code = pytest.main([*request["arguments"], *request["tests"]], plugins=[plugin])
    if coverage is not None:
        coverage.stop()
        _keep_lines(coverage, request)
    return int(code)


def _coverage(modules: list[str]) -> Any:
    from coverage import Coverage  # noqa: PLC0415

    files = [f"{Path(module).resolve()}" for module in modules]
    coverage = Coverage(data_file=None, config_file=False, include=files)
    coverage.start()
    return coverage


def _keep_lines(coverage: Any, request: dict[str, Any]) -> None:
    data = coverage.get_data()
    lines = {
        module: {
            line: [test for test in tests if test]
            for line, tests in data.contexts_by_lineno(f"{Path(module).resolve()}").items()
        }
        for module in request["modules"]
    }
    Path(request["lines"]).write_text(json.dumps(lines))


if __name__ == "__main__":
    main()
