"""Run manage.py as a real process."""

import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from subprocess import CompletedProcess, Popen

from tests.support.forking import PROJECT
from tests.support.forking.client import OF_THE_SITE, ForkServer

__all__ = ["PROJECT", "Manage"]


class Manage:
    """Starts manage.py; without a database URL it gets an embedded server of the test run's."""

    def __init__(self, *, embedded_directory: Path) -> None:
        self._embedded_directory = embedded_directory
        self._started: list[Popen[str]] = []

    def __call__(
        self,
        *args: str,
        database_url: str | None,
        env: Mapping[str, str] | None = None,
        timeout: float = 120,
        traceback_expected: bool = False,
    ) -> CompletedProcess[str]:
        """Run a command to its end. A traceback in its output fails the test.

        It is forked from a process that has imported Django, where that makes no difference but in
        time: without settings of Python itself.
        """
        environment = self._environment(database_url, env)
        run = _run
        if _forks(env):
            run = _server(environment, env).run
        result = run(["manage.py", *args], environment, timeout)
        assert traceback_expected or "Traceback" not in result.stderr, result.stderr
        return result

    def each(
        self,
        *commands: Sequence[str],
        database_url: str,
        env: Mapping[str, str] | None = None,
    ) -> list[CompletedProcess[str]]:
        """Run commands one after another."""
        return [self(*words, database_url=database_url, env=env) for words in commands]

    def start(
        self,
        *args: str,
        database_url: str | None,
        env: Mapping[str, str] | None = None,
    ) -> Popen[str]:
        """Start a command with its output in pipes; it is killed at the end of the run.

        It is forked where a command that is run to its end would be. Then it has the variables of
        this process, and nothing else of it, such as signals that are ignored.
        """
        if not _forks(env):
            words = [sys.executable, "manage.py", *args]
            return self.start_program(*words, database_url=database_url, env=env)
        environment = self._environment(database_url, env)
        process = _server(environment, env).start(["manage.py", *args], environment)
        self._started.append(process)
        return process

    def start_program(
        self,
        *command: str,
        database_url: str | None,
        env: Mapping[str, str] | None = None,
    ) -> Popen[str]:
        """Start another program in the same way."""
        process = Popen(
            command,
            cwd=PROJECT,
            env=self._environment(database_url, env),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self._started.append(process)
        return process

    def close(self) -> None:
        """End whatever runs, for good."""
        self.end_all()
        OF_THE_SITE.end()

    def end_all(self) -> None:
        """Kill the processes that were started and still run."""
        for process in self._started:
            if process.poll() is None:
                process.kill()
            process.communicate()

    def _environment(
        self, database_url: str | None, env: Mapping[str, str] | None
    ) -> dict[str, str]:
        inherited = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("DJANGO_", "TICKETS_")) and name != "DATABASE_URL"
        }
        if database_url is not None:
            inherited["DATABASE_URL"] = database_url
        return {**inherited, "TICKETS_VAR_DIR": str(self._embedded_directory), **(env or {})}


def _forks(env: Mapping[str, str] | None) -> bool:
    return not any(name[:6] == "PYTHON" for name in env or ())


def _server(environment: Mapping[str, str], env: Mapping[str, str] | None) -> ForkServer:
    if "DATABASE_URL" not in environment:  # the settings of a ready one name a database
        return OF_THE_SITE.others
    return OF_THE_SITE.serving(environment, env)


def _run(
    words: Sequence[str], environment: Mapping[str, str], timeout: float
) -> CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *words],
        cwd=PROJECT,
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )
