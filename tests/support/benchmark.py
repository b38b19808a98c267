"""scripts/bench as a test runs it: quick, and with a database that must not be used."""

import json
import os
import subprocess
from pathlib import Path
from typing import Any

BENCH = Path(__file__).resolve().parents[2] / "scripts" / "bench"

Findings = dict[str, Any]


def own_server_environment(directory: Path) -> dict[str, str]:
    """A DATABASE_URL that must not be used, and a place in which leftovers show."""
    return {
        **os.environ,
        "DATABASE_URL": "postgresql://nobody@192.0.2.1/x",
        "TMPDIR": f"{directory}",
    }


def measure(scratch: Path, output: Path, *arguments: str) -> Findings:
    """What a benchmark found: the JSON of each part by its name, and how it ended."""
    result = subprocess.run(
        [str(BENCH), "--quick", *arguments, "--output", str(output)],
        env=own_server_environment(scratch),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=560,
        check=False,
    )
    assert "Traceback" not in result.stderr
    assert result.returncode in (0, 1), result.stderr
    return {
        **{file.stem: json.loads(file.read_text()) for file in output.glob("*.json")},
        "output": output,
        "stdout": result.stdout,
        "exit_code": result.returncode,
        "leftovers": [path.name for path in scratch.iterdir()],
    }
