"""scripts/soak plays rounds of rotation under faults, and ends in order."""

import contextlib
import signal
import subprocess
from pathlib import Path

import psutil
import pytest

from tests.support.benchmark import own_server_environment
from tests.support.waiting import until

SOAK = Path(__file__).resolve().parents[3] / "scripts" / "soak"


def test_rounds_of_rotation_under_random_faults_are_clean(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    result = subprocess.run(
        [str(SOAK), "--minutes", "0.01", "--rows", "3000", "--seed", "7"],
        env=own_server_environment(tmp_path),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=280,
        check=False,
    )
    assert result.returncode == 0, result.stdout + result.stderr
    lines = [line for line in result.stdout.splitlines() if not line.startswith("skipped: ")]
    assert lines[0] == "seed 7, 3,000 rows"
    assert lines[1].startswith("round 1: ")
    figures = dict(line.rsplit(maxsplit=1) for line in lines[lines.index("") + 1 :])
    assert int(figures["rounds, each clean"]) >= 1
    assert int(figures["tokens changed"].replace(",", "")) >= 3000
    assert list(tmp_path.iterdir()) == []


def is_rotating(pid: int) -> bool:
    """Whether it has a rotation at work among its processes."""
    for child in psutil.Process(pid).children():
        with contextlib.suppress(psutil.NoSuchProcess):
            if "rotate_tokens" in child.cmdline():
                return True
    return False


def test_an_interrupted_soak_leaves_nothing_behind(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    process = subprocess.Popen(
        [str(SOAK), "--minutes", "10", "--rows", "3000"],
        env=own_server_environment(tmp_path),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        until(
            lambda: process.poll() is not None or is_rotating(process.pid),
            pause_seconds=0.1,
            timeout_seconds=240,
        )
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=120)
    finally:
        process.kill()
        process.wait()
    assert process.returncode == 130
    assert "Traceback" not in said
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "wrong",
    [
        ("--rows", "9"),
        ("--minutes", "0"),
        ("--minutes", "nan"),
        ("--seed", "x"),
        ("--only", "rain"),
    ],
)
def test_bad_input_is_refused_before_anything_starts(
    wrong: tuple[str, str], tmp_path: Path
) -> None:
    result = subprocess.run(
        [str(SOAK), "--minutes", "1", *wrong],
        env=own_server_environment(tmp_path),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert result.returncode == 2
    assert repr(wrong[1]) in result.stderr
    assert list(tmp_path.iterdir()) == []
