"""Run manage.py as a real process."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from subprocess import CompletedProcess, Popen

PROJECT = Path(__file__).resolve().parents[1]


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
        """Run a command to its end. A traceback in its output fails the test."""
        result = subprocess.run(
            _command(args),
            cwd=PROJECT,
            env=self._environment(database_url, env),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )
        assert traceback_expected or "Traceback" not in result.stderr, result.stderr
        return result

    def each(
        self,
        *commands: Sequence[str],
        database_url: str,
        env: Mapping[str, str] | None = None,
        timeout: float = 120,
    ) -> list[CompletedProcess[str]]:
        """Run commands one after another, faster than one by one: see tests/command_series.py.

        For what they say and store, not for how one starts. A traceback fails the test.
        """
        settings = {"DJANGO_SETTINGS_MODULE": "tickets.config.settings"}
        series = subprocess.run(
            [sys.executable, "-m", "tests.command_series"],
            cwd=PROJECT,
            env=self._environment(database_url, {**settings, **(env or {})}),
            input=json.dumps(commands),
            stdout=subprocess.PIPE,
            text=True,
            timeout=timeout,
            check=True,
        )
        ended = json.loads(series.stdout)
        assert len(ended) == len(commands)
        for _, out, err in ended:
            assert "Traceback" not in err, out + err
        return [
            CompletedProcess(list(words), *each)
            for words, each in zip(commands, ended, strict=True)
        ]

    def start(
        self,
        *args: str,
        database_url: str | None,
        env: Mapping[str, str] | None = None,
    ) -> Popen[str]:
        """Start a command with its output in pipes; it is killed at the end of the run."""
        return self.start_program(*_command(args), database_url=database_url, env=env)

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

    def end_all(self) -> None:
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


def _command(args: tuple[str, ...]) -> list[str]:
    return [sys.executable, str(PROJECT / "manage.py"), *args]
