"""Which tests run which line, as measured once."""

from __future__ import annotations

import ast
import json
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from mutation.mutants import Mutant
from mutation.rooms import Rooms

FIRST_TESTS = 12
WITHOUT_DATABASE = "tests/unit/"
AT_MOST_SECONDS = 30.0  # of tests for one mutant, by their time when unchanged


class TestMap:
    """Chooses the tests of a mutant: first those that killed its neighbours.

    Then those that are quick and run little else: what they assert is about that little.
    """

    __test__ = False

    def __init__(self, project: Path, rooms: Rooms, measured: dict[str, Any]) -> None:
        self._rooms = rooms
        self._lines: dict[str, dict[str, list[str]]] = measured["lines"]
        self._seconds: dict[str, float] = measured["seconds"]
        self._failing = set(measured["failed"])
        lines = Counter(
            t for each in self._lines.values() for tests in each.values() for t in tests
        )
        self._costs = {t: seconds * lines[t] for t, seconds in self._seconds.items()}
        self._killers: dict[tuple[str, str], Counter[str]] = {}
        modules = [module for room in rooms.rooms for module in room.modules]
        self._spans = {
            module: _statements(ast.parse((project / module).read_text())) for module in modules
        }

    @property
    def failing(self) -> list[str]:
        """Tests that fail without any change, and judge nothing."""
        return sorted(self._failing)

    def killed(self, mutant: Mutant, test: str) -> None:
        """Note who has killed it."""
        for key in ((mutant.module, mutant.function), (mutant.module, "")):
            self._killers.setdefault(key, Counter())[test] += 1

    def tests_of(self, mutant: Mutant) -> list[str]:
        """In the order in which they are to be run; none when no test runs the changed line."""
        found = self._running(mutant)
        room = self._rooms.room_of(mutant.module)
        found = {t for t in found if t not in self._failing and room.is_judged_by(_file(t))}
        near = self._killers.get((mutant.module, mutant.function), Counter())
        wide = self._killers.get((mutant.module, ""), Counter())
        ordered = sorted(found, key=lambda t: (-near[t], -wide[t], self._costs[t]))
        chosen: list[str] = []
        total = 0.0
        for test in ordered:
            total += self._seconds[test]
            if total > AT_MOST_SECONDS and chosen:
                break
            chosen.append(test)
        return chosen

    def limits(self, tests: list[str]) -> dict[str, float]:
        """Seconds after which a test counts as one that does not end."""
        return {
            test: (5.0 if test.startswith(WITHOUT_DATABASE) else 20.0) + 6 * self._seconds[test]
            for test in tests
        }

    def _running(self, mutant: Mutant) -> set[str]:
        lines = self._lines.get(mutant.module, {})
        first, last, is_in_function = self._span(mutant)
        within = {
            test for line, tests in lines.items() if first <= int(line) <= last for test in tests
        }
        if is_in_function:
            return within
        # What a module holds is at work wherever the module is, also for tests that only read it.
        files = {_file(test) for tests in lines.values() for test in tests}
        return within | {test for test in self._seconds if _file(test) in files}

    def _span(self, mutant: Mutant) -> tuple[int, int, bool]:
        """First and last line of the innermost statement around it, and whether a call runs it."""
        around = [s for s in self._spans[mutant.module] if s[0] <= mutant.line <= s[1]]
        return min(around, key=lambda s: s[1] - s[0], default=(1, 10**6, False))


def _file(test: str) -> str:
    return test.partition("::")[0]


def _statements(tree: ast.Module) -> list[tuple[int, int, bool]]:
    spans = []

    def visit(node: ast.AST, *, is_called: bool) -> None:
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.stmt):
                last = child.end_lineno or child.lineno
                is_def = isinstance(child, ast.FunctionDef)
                if not isinstance(child, ast.ClassDef):
                    spans.append((child.lineno, last, is_called or is_def))
                visit(child, is_called=is_called or is_def)
            else:
                visit(child, is_called=is_called)

    visit(tree, is_called=False)
    return spans


def measured(
    file: Path,
    key: str,
    tests: Mapping[str, str],
    measure: Callable[[list[str]], dict[str, Any]],
) -> dict[str, Any]:
    """What was measured of this very code, and measure what is new in the files of ``tests``.

    ``tests`` gives each file's digest, ``key`` that of all else.
    """
    kept: dict[str, Any] = json.loads(file.read_text()) if file.exists() else {}
    if kept.get("key") != key:
        kept = {"key": key, "tests": {}, "lines": {}, "seconds": {}, "failed": {}}
    known = {name for name, digest in kept["tests"].items() if tests.get(name) == digest}
    fresh = sorted(set(tests) - known)
    if fresh or len(known) < len(kept["tests"]):
        new = measure(fresh) if fresh else {}
        kept = _merged(kept, new, known) | {"key": key, "tests": dict(tests)}
        file.write_text(json.dumps(kept))
    return kept


def _merged(old: dict[str, Any], new: dict[str, Any], known: set[str]) -> dict[str, Any]:
    def is_known(test: str) -> bool:
        return test.partition("::")[0] in known

    lines: dict[str, dict[str, list[str]]] = {}
    for module, of_module in old["lines"].items():
        kept = {line: list(filter(is_known, each)) for line, each in of_module.items()}
        lines[module] = kept
    for module, of_module in new.get("lines", {}).items():
        for line, each in of_module.items():
            lines.setdefault(module, {}).setdefault(line, []).extend(each)
    merged: dict[str, Any] = {"lines": lines}
    for name in ("seconds", "failed"):
        kept = {test: value for test, value in old[name].items() if is_known(test)}
        merged[name] = kept | new.get(name, {})
    return merged
