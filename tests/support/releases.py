"""Two releases of the library, each installed in a directory of its own: this one and an earlier.

The earlier one is a copy of this source with another version and another guard, as a release
changes them.
"""

import shutil
import subprocess
import sys
from pathlib import Path

from tests.support.manage import PROJECT
from tests.support.wheel import build_wheel
from token_rotation import __version__

EARLIER_VERSION = "0.0.9"
NEEDED = ("pyproject.toml", "README.md", "LICENSE", "token_rotation")
BODIES = "token_rotation/triggers/bodies.py"
EARLIER = (
    # file, what stands there, what stood there before
    (
        "token_rotation/__init__.py",
        f'__version__ = "{__version__}"',
        f'__version__ = "{EARLIER_VERSION}"',
    ),
    (
        BODIES,
        'otherwise = f"{new} := {fresh_token}; {marker} := clock_timestamp();"',
        'otherwise = f"{marker} := clock_timestamp(); {new} := {fresh_token};"',
    ),
    (BODIES, "terms = [claims, changes]", "terms = [changes, claims]"),
    (
        BODIES,
        'otherwise = f"{as_stored(columns)} {warning(Said.TOKEN_KEPT)}"',
        'otherwise = f"{warning(Said.TOKEN_KEPT)} {as_stored(columns)}"',
    ),
    (
        "token_rotation/triggers/retired.py",
        "        KeepDeleted(**deleted, partitioned=partitioned),\n",
        "",
    ),
)
"""The guard's bodies and WHEN in other words, and no trigger for the tokens of deleted rows."""


def install_this(directory: Path) -> Path:
    """Return the directory in which this release is installed."""
    return _install(directory, PROJECT)


def install_earlier(directory: Path) -> Path:
    """Return the directory in which the earlier release is installed.

    It fails where a place of ``EARLIER`` has moved.
    """
    source = directory / "source"
    for name in NEEDED:
        found = PROJECT / name
        if found.is_dir():
            shutil.copytree(found, source / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            source.mkdir(parents=True, exist_ok=True)
            shutil.copy(found, source / name)
    for name, now, before in EARLIER:
        text = (source / name).read_text()
        assert text.count(now) == 1, f"{name} has {text.count(now)} times: {now}"
        (source / name).write_text(text.replace(now, before))
    return _install(directory, source)


def _install(directory: Path, source: Path) -> Path:
    installed = directory / "installed"
    wheel = build_wheel(directory, source=source)
    install = ("install", "--quiet", "--no-index", "--no-deps", "--target", installed, wheel)
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check"]
    subprocess.run([*pip, *install], check=True)
    return installed
