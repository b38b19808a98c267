"""For how long parts of a chunk are tried, once a line may be to blame."""

from collections.abc import Sequence

import pytest

from tickets.importing import isolation
from tickets.importing.isolation import ALONE, COSTLY_IN_A_ROW, PART, WHOLE, Isolation
from tickets.importing.refusal import SessionLostError
from tickets.importing.retries import Tries
from tickets.importing.row import Row


def rows(first: int, last: int) -> list[Row]:
    return [Row(n, f"r{n}", "s", "open", "b") for n in range(first, last + 1)]


class Database:
    """Loses the session at some lines; remembers what was tried, and how."""

    def __init__(self, *bad: int) -> None:
        self._bad = set(bad)
        self.tried: list[tuple[int, Tries]] = []
        self.stored: list[int] = []

    def write(self, rows: Sequence[Row], tries: Tries) -> None:
        self.tried.append((len(rows), tries))
        if self._bad & {row.line for row in rows}:
            raise SessionLostError(0.0)
        self.stored += [row.line for row in rows]


@pytest.fixture(autouse=True)
def _reasons(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(isolation, "reason_for", lambda *_, **__: "why")


def isolation_of(database: Database, refused: list[int]) -> Isolation:
    return Isolation(
        database.write,
        "default",
        refused=lambda row, _: refused.append(row.line),
        ended=lambda: False,
    )


def test_once_a_line_was_to_blame_later_chunks_wait_no_longer_than_parts() -> None:
    database, refused = Database(3, 9), list[int]()
    isolated = isolation_of(database, refused)
    isolated.do(rows(1, 4))
    assert database.tried[:2] == [(4, WHOLE), (2, PART)]
    database.tried.clear()
    isolated.do(rows(5, 8))
    isolated.do(rows(9, 9))
    assert database.tried == [(4, PART), *[(1, ALONE)] * 3]
    assert (refused, database.stored) == ([3, 9], [1, 2, 4, 5, 6, 7, 8])


def test_it_ends_after_ten_in_a_row_and_not_where_good_ones_lie_between() -> None:
    database, refused = Database(*range(1, 40, 2)), list[int]()
    isolated = isolation_of(database, refused)
    isolated.do(rows(1, 40))
    assert len(refused) == len(database.stored) == 20
    database = Database(*range(1, 40))
    isolated = isolation_of(database, refused)
    refused.clear()
    with pytest.raises(isolation.RefusedError, match=f"line {COSTLY_IN_A_ROW}: why"):
        isolated.do(rows(1, 40))
    assert refused == list(range(1, COSTLY_IN_A_ROW + 1))
