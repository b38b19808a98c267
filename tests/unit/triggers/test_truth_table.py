"""The truth table decides every case, and no line of it is superfluous."""

import re
from collections.abc import Iterable

from tests.support.documents import DOCS
from token_rotation.triggers.truth_table.inserts import (
    INSERTS,
    InsertRule,
    insert_verdict_of,
    insertions,
)
from token_rotation.triggers.truth_table.update_cases import PRESENT, updates
from token_rotation.triggers.truth_table.updates import (
    AFTER_UPDATES,
    UPDATES,
    Rule,
    verdict_of,
)
from token_rotation.triggers.truth_table.words import ERRORS, Known, Marker, Token


def test_every_line_decides_a_case() -> None:
    used = {next(rule for rule in UPDATES if rule.decides(case)) for case in updates()}
    assert used == set(UPDATES)
    assert any(map(AFTER_UPDATES.decides, updates()))
    entered = {next(rule for rule in INSERTS if rule.decides(case)) for case in insertions()}
    assert entered == set(INSERTS)


def test_no_retired_token_is_stored() -> None:
    for case in updates():
        if case.known in {Known.RETIRED, Known.MISSED}:
            assert verdict_of(case).token is not Token.SENT


def test_what_fails_says_so_and_nothing_else_is_an_error() -> None:
    verdicts = [*map(verdict_of, updates()), *map(insert_verdict_of, insertions())]
    for verdict in verdicts:
        assert (verdict.token is Token.NONE) == (verdict.said in ERRORS)
        assert (verdict.token is Token.NONE) == (verdict.marker is Marker.NONE)


def cell(values: Iterable[str] | None) -> str:
    return "" if values is None else " or ".join(values)


def afterwards(rule: Rule | InsertRule) -> tuple[str, ...]:
    verdict = rule.verdict
    marker = "–" if verdict.marker is Marker.NONE else verdict.marker
    warned = "yes" if verdict.said and verdict.said not in ERRORS else "–"
    return verdict.token, marker, warned


def update_line(rule: Rule) -> str:
    change = "set" if rule.change == PRESENT else cell(rule.change)
    token = change + (f", {rule.known}" if rule.known else "")
    cells = (token, cell(rule.stored), cell(rule.written), rule.asker or "", accept(rule))
    return line(*cells, *afterwards(rule))


def insert_line(rule: InsertRule) -> str:
    return line(cell(rule.door), cell(rule.sent), accept(rule), *afterwards(rule))


def accept(rule: Rule | InsertRule) -> str:
    return f"`{rule.accept}`" if rule.accept else ""


def line(*cells: str) -> str:
    return f"| {' | '.join(cells)} |"


def test_the_documentation_has_the_whole_table_and_nothing_else() -> None:
    text = (DOCS / "reference" / "guard.md").read_text()
    expected = [*map(update_line, (*UPDATES, AFTER_UPDATES)), *map(insert_line, INSERTS)]
    section = text.partition("\n## What the guard decides\n")[2].partition("\n## ")[0]
    tables = re.findall(r"^\|[-|]+\|\n((?:\|.*\n)+)", section, re.MULTILINE)
    assert [row for table in tables for row in table.splitlines()] == expected
