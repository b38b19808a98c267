"""What became of a mutant."""

from __future__ import annotations

import math
import tomllib
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Any

from mutation.judge import Judge
from mutation.mutants import Mutant
from mutation.test_map import FIRST_TESTS, TestMap

ANY = "any number"
EQUIVALENTS = Path(__file__).with_name("equivalents.toml")


class Fate(Enum):
    KILLED = "killed"
    TIMED_OUT = "killed by time"
    SURVIVED = "survived"
    EQUIVALENT = "equivalent"
    BROKEN = "cannot be imported"
    """It says nothing about the tests, and does not count."""


@dataclass(frozen=True, slots=True)
class Verdict:
    mutant: Mutant
    fate: Fate
    tests: int
    killer: str = ""


def judge_one(judge: Judge, test_map: TestMap, mutant: Mutant) -> Verdict:
    """Run the first tests alone, then all the others: most mutants die early.

    A test that notices the change once, but not again, judges this mutant no more.
    """
    doubted: set[str] = set()
    while True:
        tests = [test for test in test_map.tests_of(mutant) if test not in doubted]
        verdict = _judged_by(judge, test_map, mutant, tests)
        if not verdict.killer:
            return verdict
        if _stands(judge, test_map, verdict):
            test_map.killed(mutant, verdict.killer)
            return verdict
        print(f"by chance, so judged without it: {verdict.killer}", flush=True)
        doubted.add(verdict.killer)


def _judged_by(judge: Judge, test_map: TestMap, mutant: Mutant, tests: list[str]) -> Verdict:
    for part in (tests[:FIRST_TESTS], tests[FIRST_TESTS:]):
        if not part:
            continue
        answer = judge.run(mutant, part, test_map.limits(part))
        verdict = _verdict(mutant, answer, len(tests))
        if verdict.fate is not Fate.SURVIVED:
            return verdict
    return Verdict(mutant, Fate.SURVIVED, len(tests))


def _stands(judge: Judge, test_map: TestMap, verdict: Verdict) -> bool:
    """Return True if the test notices the change again, and passes without it.

    A busy machine, or chance, may fail a test once. One that took too long must take less than
    half of its limit without the change, now.
    """
    alone, limits = [verdict.killer], test_map.limits([verdict.killer])
    if verdict.fate is Fate.TIMED_OUT:
        unchanged = judge.run(None, alone, limits)
        seconds = unchanged.get("seconds", {}).get(verdict.killer, math.inf)
        if unchanged["code"] != 0 or seconds > limits[verdict.killer] / 2:
            return False
    again = _verdict(verdict.mutant, judge.run(verdict.mutant, alone, limits), 1)
    return again.fate in (Fate.KILLED, Fate.TIMED_OUT)


def _verdict(mutant: Mutant, answer: dict[str, Any], tests: int) -> Verdict:
    failed = next(iter(answer.get("failed", {})), "")
    if failed:
        return Verdict(mutant, Fate.KILLED, tests, failed)
    if answer.get("running"):
        return Verdict(mutant, Fate.TIMED_OUT, tests, answer["running"])
    if answer["code"] == 0:
        return Verdict(mutant, Fate.SURVIVED, tests)
    return Verdict(mutant, Fate.BROKEN, tests)


class Equivalents:
    """Mutants that do the same as the code, each with a reason; they do not count."""

    def __init__(self) -> None:
        self._entries = tomllib.loads(EQUIVALENTS.read_text()).get("equivalent", [])
        self._seen: set[int] = set()

    def __contains__(self, mutant: Mutant) -> bool:
        found = {n for n, entry in enumerate(self._entries) if _describes(entry, mutant)}
        self._seen |= found
        return bool(found)

    @property
    def unused(self) -> list[str]:
        """Entries that no mutant fits any more."""
        left = (entry for n, entry in enumerate(self._entries) if n not in self._seen)
        return [f"{entry['before']} => {entry['after']}" for entry in left]


def _describes(entry: dict[str, str], mutant: Mutant) -> bool:
    is_number = mutant.operator.endswith("NumberReplacer")
    return (
        bool(entry["reason"])
        and entry["before"] == mutant.before
        and (entry["after"] == mutant.after or (entry["after"] == ANY and is_number))
        and entry.get("above", mutant.above) == mutant.above
    )
