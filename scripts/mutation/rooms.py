"""What is changed, as rooms.toml says."""

import sys
import tomllib
from dataclasses import dataclass
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[2]
CONFIGURATION = Path(__file__).with_name("rooms.toml")


class ConfigurationError(Exception):
    """A file of this tool does not fit the code any more."""


@dataclass(frozen=True, slots=True)
class Room:
    """Modules that are changed in the same ways.

    ``only_tests`` are the files whose tests judge them, if not all; ``without_tests`` do not.
    """

    name: str
    modules: tuple[str, ...]
    operators: tuple[str, ...]
    without_tests: tuple[str, ...] = ()
    only_tests: tuple[str, ...] = ()

    def is_judged_by(self, file: str) -> bool:
        """Return True if the tests of a file judge the changes."""
        return file not in self.without_tests and (not self.only_tests or file in self.only_tests)


@dataclass(frozen=True, slots=True)
class Rooms:
    rooms: tuple[Room, ...]
    tests: tuple[str, ...]

    def room_of(self, module: str) -> Room:
        return next(room for room in self.rooms if module in room.modules)


def read_rooms(project: Path = PROJECT) -> Rooms:
    """A glob that no file fits is told, and else passed over."""
    stored = tomllib.loads(CONFIGURATION.read_text())
    tests = tuple(stored.pop("tests"))
    rooms = tuple(_room(project, name, entry) for name, entry in stored.items())
    return Rooms(rooms, tests)


def _room(project: Path, name: str, entry: dict[str, object]) -> Room:
    return Room(
        name,
        modules=_files(project, entry, "modules"),
        operators=tuple(map(str, entry["operators"])),  # type: ignore[call-overload]
        without_tests=_files(project, entry, "without_tests"),
        only_tests=_files(project, entry, "only_tests"),
    )


def _files(project: Path, entry: dict[str, object], key: str) -> tuple[str, ...]:
    files: list[str] = []
    for pattern in entry.get(key, ()):  # type: ignore[attr-defined]
        found = sorted(f"{path.relative_to(project)}" for path in project.glob(pattern))
        if not found:
            print(f"{CONFIGURATION.name}: no file fits {pattern!r}", file=sys.stderr)
        files += [path for path in found if not path.endswith("__init__.py")]
    return tuple(files)
