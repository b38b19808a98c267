"""The library as pip installs it."""

import subprocess
import sys
from pathlib import Path

from tests.support.manage import PROJECT
from token_rotation import __version__


def build_wheel(directory: Path) -> Path:
    """Build the wheel into this directory, with the build backend of this environment."""
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(directory)]
    subprocess.run(build, cwd=PROJECT, check=True, capture_output=True)
    (wheel,) = directory.glob(f"django_token_rotation-{__version__}-*.whl")
    return wheel
