"""Customers who open the links of their tickets, made by wrk."""

import json
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from benchmark.errors import BenchmarkError
from benchmark.processes.environment import environment

CONNECTIONS = 4
PAUSE_MS = 100
_SCRIPT = Path(__file__).with_name("look_up.lua")


@dataclass(frozen=True, slots=True)
class Load:
    """What the customers met. An error is any answer but 200, or none."""

    requests: int
    errors: int
    seconds: float
    p50_ms: float
    p95_ms: float
    p99_ms: float
    max_ms: float

    @property
    def requests_per_second(self) -> float:
        return self.requests / self.seconds


def look_up(port: int, tokens: Path, seconds: int) -> Load:
    """Open links at random for so long. Each customer pauses for 0.1 s on average.

    wrk counts a request that had to wait behind another as late (its correction for coordinated
    omission), and with pauses as long the rate hardly depends on how fast the answers are.
    """
    program = shutil.which("wrk")
    if program is None:
        raise BenchmarkError("wrk is not installed: apt-get install wrk")
    command = (
        *(program, "--threads", "1", "--connections", str(CONNECTIONS), "--latency"),
        *("--duration", f"{seconds}s", "--timeout", "30s", "--script", str(_SCRIPT)),
        *(f"http://127.0.0.1:{port}", "--", str(tokens), str(PAUSE_MS)),
    )
    ended = subprocess.run(
        command, env=environment(), stdin=subprocess.DEVNULL, capture_output=True, text=True,
        timeout=seconds + 60, check=False,
    )  # fmt: skip
    try:
        load = Load(**json.loads(ended.stdout.strip().splitlines()[-1]))
    except (ValueError, IndexError, TypeError):
        raise BenchmarkError(f"wrk failed: {' '.join(ended.stderr.split())[-300:]}") from None
    if load.requests == 0:
        raise BenchmarkError(f"no request was answered in {seconds} s")
    return load
