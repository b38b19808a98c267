"""A rotation whose bookkeeping is timed: `python -m benchmark.processes.timed_rotation`.

The command runs as it is, with a clock around the functions that show progress, keep the record,
count what is pending and read the table at the end. Its last line on stdout is JSON with the
seconds of each, and in all; with the processor seconds of the probe and of the whole run, on client
and server.
"""

import json
import os
import sys
import threading
import time
from collections import defaultdict
from collections.abc import Callable
from functools import wraps
from typing import Any

import django
from django.core.management import call_command

HEAP_READ = "heap read"

Seconds = defaultdict[str, float]
_timing = threading.local()


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tickets.config.settings")
    django.setup()
    from benchmark.processes.processor_time import ProcessorTime  # noqa: PLC0415

    seconds: Seconds = defaultdict(float)
    used: Seconds = defaultdict(float)
    processor = ProcessorTime()
    _time_bookkeeping(seconds)
    _weigh_probe(processor, used)
    started = time.perf_counter()
    call_command("rotate_tokens", progress="json", stdout=sys.stdout)
    total = time.perf_counter() - started
    used["all"] = used.pop("sessions", 0.0) + processor.own_seconds()
    found = {"total_seconds": total, "seconds": seconds, "processor_seconds": used}
    print(json.dumps({"event": "timed", **found}), flush=True)


def _time_bookkeeping(seconds: Seconds) -> None:
    # Django has to be set up before these can be imported.
    from token_rotation.engine.rotation import Rotation  # noqa: PLC0415
    from token_rotation.run.closing import Closing  # noqa: PLC0415
    from token_rotation.run.operator_run import OperatorRun  # noqa: PLC0415
    from token_rotation.run.recording.record import Record  # noqa: PLC0415

    _clock(Rotation, "_observe", seconds, "progress")
    for name in ("begin", "beat", "end", "_write_figures"):
        _clock(Record, name, seconds, "record")
    _clock(OperatorRun, "_look", seconds, "count before")
    _clock(OperatorRun, "_verify", seconds, HEAP_READ)
    _clock(Closing, "sum_up", seconds, "count after")


def _weigh_probe(processor: Any, used: Seconds) -> None:
    """Read what was used when the probe ends: the workers still have their sessions then."""
    from token_rotation.pacing.budget.probe import Probe  # noqa: PLC0415

    close = Probe.close

    @wraps(close)
    def weighed(probe: Probe) -> None:
        session = probe._connection._raw  # noqa: SLF001  (nobody else wants to know it)
        used["probe"] += processor.thread_seconds(probe._thread)  # noqa: SLF001
        used["probe"] += 0.0 if session is None else processor.session_seconds(session)
        used["sessions"] += processor.sessions_seconds()
        close(probe)

    setattr(Probe, close.__name__, weighed)


def _clock(owner: type, name: str, seconds: Seconds, part: str) -> None:
    """Let the method add up how long it takes, once where one of them calls another."""
    method: Callable[..., Any] = getattr(owner, name)

    @wraps(method)
    def timed(*arguments: Any, **options: Any) -> Any:
        if getattr(_timing, "part", None) == part:
            return method(*arguments, **options)
        _timing.part, started = part, time.perf_counter()
        try:
            return method(*arguments, **options)
        finally:
            _timing.part = None
            seconds[part] += time.perf_counter() - started

    setattr(owner, name, timed)


if __name__ == "__main__":
    main()
