"""Runs of ``manage.py rotate_tokens``, as an operator types it until it says that all is done."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from random import Random

from benchmark.processes.environment import environment

from soaking.violation import Violation

MANAGE = Path(__file__).resolve().parents[2] / "manage.py"
APPLICATION_NAME = "rotate_tokens"
LONGEST_RUN_SECONDS = 300.0

DONE, FAILED, PENDING = 0, 1, 3
_CLEAN = (DONE, FAILED, PENDING, -signal.SIGKILL, -signal.SIGTERM)
_CUT_SHORT = 128 + signal.SIGTERM
"""The second signal ends a run within five seconds, without the server's answer."""
_CUT_SHORT_SAYS = "Ended before the server answered"
_ERROR = "CommandError: "
_LOOK_SECONDS = 0.02
_UUID = re.compile(r"[0-9a-f]{8}(-?[0-9a-f]{4}){3}-?[0-9a-f]{12}", re.IGNORECASE)
# Most runs are held back, so that faults find them at work.
_SLOWER: tuple[list[str], ...] = (
    [],
    ["--pause-seconds", "0.002"],
    ["--pause-seconds", "0.01"],
    ["--max-rows-per-second", "10000"],
    ["--max-rows-per-second", "20000"],
)


@dataclass(frozen=True, slots=True)
class Ended:
    """One run: its exit code (negative: the signal), when it ran, and how often it retried."""

    exit_code: int
    started_at: float
    ended_at: float
    retries: int
    said: str = ""
    was_signalled: bool = False


class Command:
    """One run of rotate_tokens, which others may signal while it lasts."""

    def __init__(self, database_url: str, *options: str, **env: str) -> None:
        self.started_at = time.monotonic()
        self._as_json = "json" in options
        self._must_say: list[str] = []
        self._was_signalled = False
        self.process = subprocess.Popen(
            [sys.executable, str(MANAGE), "rotate_tokens", *options],
            env=environment(DATABASE_URL=database_url, PGAPPNAME=APPLICATION_NAME, **env),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def end(self) -> Ended:
        """Wait for the end. Raises Violation when code or output are not as promised."""
        try:
            stdout, stderr = self.process.communicate(timeout=LONGEST_RUN_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.communicate()
            raise Violation(f"a run did not end within {LONGEST_RUN_SECONDS:.0f} s") from None
        code = self.process.returncode
        is_cut_short = code == _CUT_SHORT and self._was_signalled and _CUT_SHORT_SAYS in stderr
        if code not in _CLEAN and not is_cut_short:
            raise Violation(f"exit code {code}: {last_line(stderr)}")
        if "Traceback" in stdout + stderr:
            raise Violation(f"a traceback, exit code {code}: {last_line(stderr)}")
        if _UUID.search(stdout + stderr):
            raise Violation("the output holds something that looks like a token")
        has_ended_itself = code >= 0 and not is_cut_short
        if self._as_json and has_ended_itself:
            _check_json(stdout)
        said = stdout + stderr
        if has_ended_itself:
            self._check_what_was_said(code, said)
        retries = stdout.count('"event": "retry"') if self._as_json else stdout.count("retry ")
        ended_at = time.monotonic()
        return Ended(code, self.started_at, ended_at, retries, said, self._was_signalled)

    def must_say(self, text: str) -> None:
        """Its output has to hold the text, unless it is killed."""
        self._must_say.append(text)

    def has_ended_within(self, seconds: float) -> bool:
        """Wait for the end, while another thread reads the output."""
        deadline = time.monotonic() + seconds
        while self.process.poll() is None:
            if time.monotonic() > deadline:
                return False
            time.sleep(_LOOK_SECONDS)
        return True

    def _check_what_was_said(self, code: int, said: str) -> None:
        missing = [text for text in self._must_say if text not in said]
        if missing:
            raise Violation(f"nothing was said of: {', '.join(missing)}")
        errors = said.count(_ERROR)
        if code == FAILED and errors != 1:
            raise Violation(f"exit code 1 with {errors} lines of error, not one")

    def signal(self, number: signal.Signals) -> bool:
        """Whether it still ran."""
        if self.process.poll() is not None:
            return False
        self._was_signalled = True
        self.process.send_signal(number)
        return True


def random_options(random: Random) -> list[str]:
    """Any way in which an operator might run it."""
    options = ["--wait-for-locks", random.choice(["0", "0.5", "2", "30"])]
    if random.random() < 0.8:
        options += ["--batch-rows", random.choice(["20", "50", "100", "300", "1000"])]
    else:
        options += ["--target-batch-seconds", random.choice(["0.01", "0.05", "0.2"])]
    if random.random() < 0.5:
        options += ["--progress", "json"]
    if random.random() < 0.2:
        options += ["--limit", random.choice(["50", "2000", "10000"])]
    options += random.choice(_SLOWER)
    options += ["--workers", random.choice(["1", "1", "2", "4"])]
    if random.random() < 0.3:
        options += ["--vacuum-every", random.choice(["0", "1", "50"])]
    if random.random() < 0.2:
        options += ["--max-active-queries", random.choice(["2", "4"])]
    return options


def spread_options(random: Random) -> list[str]:
    """Any way in which an operator might let Celery workers do it, and watch."""
    options = ["--async", "--follow", "--batch-rows", random.choice(["50", "200"])]
    return [*options, "--pause-seconds", random.choice(["0.01", "0.05"])]


def _check_json(stdout: str) -> None:
    try:
        for line in stdout.splitlines():
            json.loads(line)
    except ValueError:
        raise Violation("a line of --progress json is not JSON") from None


def last_line(text: str) -> str:
    """For a message about a run."""
    return (text.strip().splitlines() or ["no output"])[-1]
