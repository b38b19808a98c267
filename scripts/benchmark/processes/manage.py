"""The project's own commands."""

import sys
from collections.abc import Callable, Collection
from pathlib import Path

from benchmark.processes import child
from benchmark.processes.environment import environment

TREE = Path(__file__).resolve().parents[3]
MANAGE = TREE / "manage.py"


def manage(
    *arguments: str,
    database_url: str,
    on_line: Callable[[str], None] = lambda _: None,
    exit_codes: Collection[int] = (0,),
    tree: Path = TREE,
) -> child.Ended:
    """Run `manage.py` of a checkout as a process on this database.

    Raises BenchmarkError when it ends with an exit code other than `exit_codes`.
    """
    command = (sys.executable, str(tree / "manage.py"), *arguments)
    env = environment(DATABASE_URL=database_url)
    return child.run(command, env=env, on_line=on_line, exit_codes=exit_codes)
