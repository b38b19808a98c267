"""The project's own commands."""

import sys
from collections.abc import Callable
from pathlib import Path

from benchmark import child
from benchmark.environment import environment

_MANAGE = Path(__file__).resolve().parents[2] / "manage.py"


def manage(
    *arguments: str, database_url: str, on_line: Callable[[str], None] = lambda _: None
) -> child.Ended:
    """Run `manage.py` as a process on this database. Raises BenchmarkError when it fails."""
    command = (sys.executable, str(_MANAGE), *arguments)
    return child.run(command, env=environment(DATABASE_URL=database_url), on_line=on_line)
