"""The project's own commands."""

import sys
from collections.abc import Callable, Collection
from pathlib import Path

from benchmark.processes import child
from benchmark.processes.environment import environment

MANAGE = Path(__file__).resolve().parents[3] / "manage.py"


def manage(
    *arguments: str,
    database_url: str,
    on_line: Callable[[str], None] = lambda _: None,
    exit_codes: Collection[int] = (0,),
) -> child.Ended:
    """Run `manage.py` as a process on this database.

    Raises BenchmarkError when it ends with an exit code other than `exit_codes`.
    """
    command = (sys.executable, str(MANAGE), *arguments)
    env = environment(DATABASE_URL=database_url)
    return child.run(command, env=env, on_line=on_line, exit_codes=exit_codes)
