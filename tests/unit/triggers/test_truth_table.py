"""The truth table decides every case, and no line of it is superfluous."""

from collections.abc import Iterable

from tests.support.documents import DOCS
from token_rotation.triggers.truth_table.inserts import (
    INSERTS,
    InsertRule,
    insert_verdict_of,
    insertions,
)
from token_rotation.triggers.truth_table.updates import (
    AFTER_UPDATES,
    UPDATES,
    Rule,
    updates,
    verdict_of,
)
from token_rotation.triggers.truth_table.words import ERRORS, Asker, Known, Marker, Token, Verdict


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
    return "any" if values is None else " or ".join(values)


def afterwards(verdict: Verdict) -> str:
    if verdict.token is Token.NONE:
        return str(Token.NONE)
    return f"token {verdict.token}, marker {verdict.marker}"


def update_line(rule: Rule) -> str:
    token = cell(rule.change) + (f", {rule.known}" if rule.known else "")
    asker = str(rule.asker or Asker.WRITER) + (f", `{rule.accept}`" if rule.accept else "")
    cells = (token, cell(rule.stored), cell(rule.written), asker, afterwards(rule.verdict))
    return line(*cells, rule.verdict.said, rule.reason)


def insert_line(rule: InsertRule) -> str:
    accept = f"`{rule.accept}`" if rule.accept else "any"
    cells = (cell(rule.door), cell(rule.sent), accept, afterwards(rule.verdict))
    return line(*cells, rule.verdict.said, rule.reason)


def line(*cells: str | None) -> str:
    return f"| {' | '.join(cell or '–' for cell in cells)} |"


def test_the_documentation_has_the_whole_table_and_nothing_else() -> None:
    text = (DOCS / "reference" / "guard.md").read_text()
    expected = [*map(update_line, (*UPDATES, AFTER_UPDATES)), *map(insert_line, INSERTS)]
    section = text.partition("\n## What the guard decides\n")[2].partition("\n## ")[0]
    found = [row for row in section.splitlines() if row.startswith("| ")]
    assert [row for row in found if not row.startswith("| the ")] == expected
