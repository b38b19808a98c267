"""The library as pip installs it."""

import subprocess
import sys
from pathlib import Path

from tests.support.manage import PROJECT


def build_wheel(directory: Path, *, source: Path = PROJECT) -> Path:
    """Build the wheel into this directory, with the build backend of this environment."""
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(directory)]
    subprocess.run(build, cwd=source, check=True, capture_output=True)
    (wheel,) = directory.glob("django_token_rotation-*.whl")
    return wheel
