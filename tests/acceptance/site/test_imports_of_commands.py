"""Every command of the project starts by itself, without what other tests have imported before."""

import subprocess
import sys

import pytest

from tests.support.manage import PROJECT


@pytest.mark.parametrize(
    "command",
    [
        *("rotate_tokens", "verify_tokens", "clean_up_tokens", "replay_rotated_tokens"),
        "verify_evidence",
        *("prune_retired_tokens", "seed_tickets", "import_tickets"),
    ],
)
def test_a_command_imports_all_that_it_needs(command: str) -> None:
    typed = [sys.executable, "manage.py", command, "--help"]
    shown = subprocess.run(typed, cwd=PROJECT, capture_output=True, text=True, check=False)
    assert (shown.returncode, shown.stderr) == (0, "")
    assert f"usage: manage.py {command}" in shown.stdout
