"""The locks hold what the requirements ask for, whole, and nothing of where they were made."""

import re
from dataclasses import dataclass
from functools import cache

import pytest
from packaging.markers import Marker
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.support.manage import PROJECT

INPUTS = {
    "requirements.lock": ("requirements.txt",),
    "requirements-celery.lock": ("requirements.txt", "requirements-celery.txt"),
    "requirements-dev.lock": (
        "requirements.txt",
        "requirements-celery.txt",
        "requirements-dev.txt",
    ),
}
PYTHONS = ("3.11.0", "3.11.14", "3.12.0", "3.13.0")
LOCKED = re.compile(
    r"^(?P<name>[a-z0-9-]+)==(?P<version>\S+)(?: ; (?P<marker>[^\\\n]+?))?"
    r"(?P<hashes>(?: \\\n    --hash=sha256:[0-9a-f]{64})+)\n"
    r"(?P<why>(?:    # .*\n)+)",
    re.MULTILINE,
)
STALE = "run scripts/lock"


@dataclass(frozen=True)
class Locked:
    version: str
    marker: Marker | None
    why: str

    def applies(self, python: str) -> bool:
        environment = {"python_full_version": python, "python_version": python.rpartition(".")[0]}
        return self.marker is None or self.marker.evaluate(environment)


@cache
def locked(lock: str) -> dict[str, list[Locked]]:
    """By the package's name; a package has one entry for each of its versions."""
    found: dict[str, list[Locked]] = {}
    for entry in LOCKED.finditer((PROJECT / lock).read_text()):
        marker = Marker(entry["marker"]) if entry["marker"] else None
        found.setdefault(entry["name"], []).append(Locked(entry["version"], marker, entry["why"]))
    return found


def required(name: str) -> list[Requirement]:
    lines = (line.partition("#")[0].strip() for line in (PROJECT / name).read_text().splitlines())
    return [Requirement(line) for line in lines if line and not line.startswith("-r ")]


@pytest.mark.parametrize("lock", INPUTS)
def test_a_lock_has_one_version_that_fits_each_requirement_under_every_python(lock: str) -> None:
    for requirement in [each for name in INPUTS[lock] for each in required(name)]:
        entries = locked(lock).get(canonicalize_name(requirement.name), [])
        for python in PYTHONS:
            (version,) = [entry.version for entry in entries if entry.applies(python)] or [""]
            assert version, f"{requirement} is not in {lock}: {STALE}"
            assert requirement.specifier.contains(version), f"{requirement}, {version}: {STALE}"


@pytest.mark.parametrize("lock", INPUTS)
def test_a_requirement_that_is_gone_is_gone_from_the_lock(lock: str) -> None:
    for name in INPUTS[lock]:
        named = {
            package
            for package, entries in locked(lock).items()
            if any(
                re.search(rf"-r {re.escape(name)}$", entry.why, re.MULTILINE) for entry in entries
            )
        }
        asked = {canonicalize_name(requirement.name) for requirement in required(name)}
        assert named == asked, STALE


@pytest.mark.parametrize("lock", INPUTS)
def test_everything_in_a_lock_is_an_exact_version_with_hashes_and_nothing_else(lock: str) -> None:
    """No index, no host and no path: pip asks where it always asks, and knows the files."""
    text = (PROJECT / lock).read_text()
    rest = LOCKED.sub("", text).splitlines()
    assert [line for line in rest if not line.startswith("#")] == []
    assert "/" not in text.replace("scripts/lock", "")


def test_a_package_has_the_same_version_in_every_lock() -> None:
    everything = locked("requirements-dev.lock")
    for lock in INPUTS:
        for package, entries in locked(lock).items():
            assert [each.version for each in everything[package]] == [
                each.version for each in entries
            ], STALE
