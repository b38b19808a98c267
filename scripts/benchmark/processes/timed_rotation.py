"""A rotation whose bookkeeping is timed: `python -m benchmark.processes.timed_rotation`.

The command runs as it is, with a clock around the functions that show progress, keep the record,
count what is pending and read the table at the end. Its last line on stdout is JSON with the
seconds of each, and in all; and with the processor seconds of the whole run, on client and server.

Counts come before and after the work, when nothing else runs: they take what a clock shows, at
most. What comes beside the work is taken by its processor time: that of the calling thread and,
for the record and the probe, of their sessions.
"""

import json
import os
import sys
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from typing import Any

import django
from django.core.management import call_command
from django.db import connections

HEAP_READ = "heap read"

Seconds = defaultdict[str, float]
Clock = Callable[[], float]
_timing = threading.local()


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tickets.config.settings")
    django.setup()
    from benchmark.processes.processor_time import ProcessorTime  # noqa: PLC0415

    seconds: Seconds = defaultdict(float)
    processor = ProcessorTime()
    _time_counts(seconds)
    _time_beside(seconds)
    _weigh_record(processor, seconds)
    _weigh_probe(processor, seconds)
    started = time.perf_counter()
    call_command("rotate_tokens", stdout=sys.stdout)
    total = time.perf_counter() - started
    used = processor.own_seconds() + processor.server_seconds()
    found = {"total_seconds": total, "seconds": seconds, "processor_seconds": used}
    print(json.dumps({"event": "timed", **found}), flush=True)


def _time_counts(seconds: Seconds) -> None:
    # Django has to be set up before these can be imported.
    from token_rotation.run import aftermath, operator_run  # noqa: PLC0415

    _time(operator_run, "count_rows", seconds, "count before", time.perf_counter)
    _time(operator_run.OperatorRun, "_verify", seconds, HEAP_READ, time.perf_counter)
    _time(aftermath, "count_rows", seconds, "count after", time.perf_counter)


def _time_beside(seconds: Seconds) -> None:
    from token_rotation.engine.rotation import Rotation  # noqa: PLC0415
    from token_rotation.run.recording.record import Record  # noqa: PLC0415

    _time(Rotation, "_observe", seconds, "progress", time.thread_time)
    for name in ("begin", "beat", "end", "_write_figures"):
        _time(Record, name, seconds, "record", time.thread_time)


def _weigh_record(processor: Any, seconds: Seconds) -> None:
    """Read what a session of the record has used before it is closed."""
    from token_rotation.run.recording.record import Record  # noqa: PLC0415

    opened = Record._session  # noqa: SLF001  (nobody else wants to know it)

    @contextmanager
    def weighed(record: Record) -> Iterator[object]:
        with opened(record) as cancel:
            try:
                yield cancel
            finally:
                session = connections["default"].connection
                if session is not None:
                    seconds["record"] += processor.session_seconds(session)

    setattr(Record, opened.__name__, weighed)


def _weigh_probe(processor: Any, seconds: Seconds) -> None:
    """Read what was used when the probe ends."""
    from token_rotation.pacing.budget.probe import Probe  # noqa: PLC0415

    close = Probe.close

    @wraps(close)
    def weighed(probe: Probe) -> None:
        session = probe._connection._raw  # noqa: SLF001
        seconds["probe"] += processor.thread_seconds(probe._thread)  # noqa: SLF001
        seconds["probe"] += 0.0 if session is None else processor.session_seconds(session)
        close(probe)

    setattr(Probe, close.__name__, weighed)


def _time(owner: Any, name: str, seconds: Seconds, part: str, clock: Clock) -> None:
    """Let the method add up how long it takes, once where one of them calls another."""
    method: Callable[..., Any] = getattr(owner, name)

    @wraps(method)
    def timed(*arguments: Any, **options: Any) -> Any:
        if getattr(_timing, "part", None) == part:
            return method(*arguments, **options)
        _timing.part, started = part, clock()
        try:
            return method(*arguments, **options)
        finally:
            _timing.part = None
            seconds[part] += clock() - started

    setattr(owner, name, timed)


if __name__ == "__main__":
    main()
