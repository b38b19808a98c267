"""Run a program and learn what it used."""

import os
import subprocess
import tempfile
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass

from benchmark.errors import BenchmarkError


@dataclass(frozen=True, slots=True)
class Ended:
    """From start to end, and the peak of the resident memory.

    Linux never lets a program's peak begin below that of the process that started it, so the
    figure says something as long as this one stays smaller.
    """

    seconds: float
    peak_memory_bytes: int


def run(
    command: Sequence[str],
    *,
    env: Mapping[str, str],
    on_line: Callable[[str], None],
    exit_codes: Collection[int] = (0,),
) -> Ended:
    """Run to the end, passing on each line of stdout.

    Raises BenchmarkError with the end of stderr when the exit code is none of `exit_codes`.
    """
    with tempfile.TemporaryFile("w+", errors="replace") as said:
        started = time.perf_counter()
        process = subprocess.Popen(
            command,
            env=env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=said,
            text=True,
        )
        try:
            for line in process.stdout or ():
                on_line(line)
            _, status, usage = os.wait4(process.pid, 0)
            process.returncode = os.waitstatus_to_exitcode(status)
        finally:
            if process.returncode is None:
                process.kill()
                process.wait()
            if process.stdout is not None:
                process.stdout.close()
        seconds = time.perf_counter() - started
        if process.returncode not in exit_codes:
            said.seek(0)
            last = (said.read().strip() or "nothing").splitlines()[-1]
            raise BenchmarkError(f"{' '.join(command)}: exit code {process.returncode}: {last}")
    return Ended(seconds, usage.ru_maxrss * 1024)
