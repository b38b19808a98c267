"""The application's traffic, made by pgbench at a fixed rate."""

import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmark.errors import BenchmarkError
from benchmark.processes.environment import environment
from benchmark.processes.programs import program_directory
from benchmark.traffic.transactions import Transaction, read_log_line

RATE_PER_SECOND = 300
CLIENTS, QUICK_SATURATING_CLIENTS = 8, 2
CATCH_UP_SECONDS = 120.0
_LOOK_SECONDS = 0.2
_LONGER_THAN_ANY_RUN_SECONDS = 86_400

# Equally often, each a transaction of its own.
SCRIPTS = {
    "look-up": "SELECT id, subject, status, created_at, token, token_rotated_at"
    " FROM tickets_ticket WHERE token = (SELECT token FROM tickets_ticket WHERE id = :id);",
    "status change": "UPDATE tickets_ticket SET status = 'closed' WHERE id = :id;",
    "new ticket": "INSERT INTO tickets_ticket (subject, status, created_at)"
    " VALUES ('The printer is on fire again', 'open', now())"
    " RETURNING id, token, token_rotated_at;",
}


class Traffic:
    """Running traffic. Its log can be asked for the transactions of a window of time."""

    def __init__(self, process: "subprocess.Popen[bytes]", directory: Path) -> None:
        self._process = process
        self._directory = directory

    def await_schedule(self, moment: float) -> None:
        """Return when a transaction scheduled after `moment` (Unix time) has ended.

        The one thread hands transactions out in the schedule's order, so all those before it are
        at least under way: none is left out because the clients had no time for it.
        """
        deadline = time.monotonic() + CATCH_UP_SECONDS
        while not any(
            read_log_line(line).scheduled_at > moment for line in self._lines()[-CLIENTS:]
        ):
            if self._process.poll() is not None:
                raise BenchmarkError(f"pgbench ended early: {self._said()}")
            if time.monotonic() > deadline:
                raise BenchmarkError(
                    f"the traffic is still behind its schedule after {CATCH_UP_SECONDS:.0f} s"
                )
            time.sleep(_LOOK_SECONDS)

    def end_after(self, moment: float) -> None:
        """End the traffic when all that was scheduled before `moment` (Unix time) has ended."""
        self.await_schedule(moment)
        # What pgbench's own -T timer sends it: transactions under way end, the log is flushed.
        self._process.send_signal(signal.SIGALRM)
        if self._process.wait(timeout=CATCH_UP_SECONDS) != 0:
            raise BenchmarkError(f"pgbench failed: {self._said()}")

    def between(self, since: float, until: float) -> list[Transaction]:
        """Every transaction scheduled in that window (Unix time), however late it ended."""
        logged = map(read_log_line, self._lines())
        return [one for one in logged if since <= one.scheduled_at < until]

    def _lines(self) -> list[str]:
        text = "".join(path.read_text() for path in self._directory.glob("log.*"))
        complete, _, _half_a_line = text.rpartition("\n")
        return complete.splitlines()

    def _said(self) -> str:
        return " | ".join((self._directory / "said").read_text().strip().splitlines()[-3:])


@contextmanager
def running_traffic(
    database_url: str,
    *,
    rows: int,
    warm_up_seconds: float,
    directory: Path,
    rate_per_second: float | None = RATE_PER_SECOND,
    clients: int = CLIENTS,
) -> Iterator[Traffic]:
    """Traffic on tickets 1 to `rows`, warmed up; `directory` is empty and takes its files.

    `rate_per_second` None: as fast as so many clients can.
    """
    files = []
    for number, statement in enumerate(SCRIPTS.values()):
        path = directory / f"{number}.sql"
        path.write_text(f"\\set id random(1, {rows})\n{statement}\n")
        files.append(f"--file={path}")
    command = (
        str(program_directory() / "pgbench"),
        "--no-vacuum",
        f"--client={clients}",
        "--jobs=1",
        *([f"--rate={rate_per_second}"] if rate_per_second else []),
        f"--time={_LONGER_THAN_ANY_RUN_SECONDS}",
        "--log",
        f"--log-prefix={directory / 'log'}",
        *files,
        database_url,
    )
    with (directory / "said").open("w") as said:
        process = subprocess.Popen(
            command, env=environment(), stdin=subprocess.DEVNULL, stdout=said, stderr=said
        )
    try:
        traffic = Traffic(process, directory)
        traffic.await_schedule(time.time() + warm_up_seconds)
        yield traffic
    finally:
        if process.poll() is None:
            process.kill()
        process.wait()
