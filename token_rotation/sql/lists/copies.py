"""SQL that searches pages of a table for listed tokens.

ACCESS SHARE on the table. No statement holds a token, and none answers with one.

The listed tokens are a table in memory, and the server looks each candidate up in it. A candidate
is a stretch of a value that consists of the tokens' characters alone and is as long as the shortest
token. So the cost is that of the rows, whatever the number of tokens.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from token_rotation.postgres.driver import sql
from token_rotation.sql.lists.listed_rows import COMMIT_WITHOUT_A_WAIT

SETTINGS = sql.SQL(
    "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ; "
    "SET LOCAL idle_in_transaction_session_timeout = 0; SET LOCAL jit = off; "
    "SET LOCAL max_parallel_workers_per_gather = 0; SET LOCAL bytea_output = 'hex'"
)
"""One snapshot for each table, however many statements read it: a row that an UPDATE moves behind
the reader is found where it was."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the statements must know of the listed tokens.

    ``pattern`` is a regular expression of a stretch that may hold one; None: any text. The first
    ``head_bytes`` of each token are looked up, then at most ``longest_bytes`` are compared. With
    ``is_hex``, tokens are hexadecimal digits in lower case without hyphens.
    """

    pattern: str | None
    head_bytes: int
    longest_bytes: int
    is_hex: bool


@dataclass(frozen=True, slots=True)
class SearchedColumn:
    """One column to search.

    ``kind`` is what ``sql.places.columns`` says.
    """

    name: str
    kind: str


def create(wanted: Wanted) -> sql.Composed:
    """Create the table of the list, until the transaction ends.

    COPY fills ``value``.
    """
    return sql.SQL(
        COMMIT_WITHOUT_A_WAIT
        + "CREATE TEMPORARY TABLE pg_temp.rotation_listed (value bytea, head bytea "
        "GENERATED ALWAYS AS (substr(value, 1, {head_bytes})) STORED) ON COMMIT DROP"
    ).format(head_bytes=sql.Literal(wanted.head_bytes))


def search(
    schema: str,
    table: str,
    columns: Sequence[SearchedColumn],
    wanted: Wanted,
    pages: tuple[int, int | None],
) -> sql.Composed:
    """Count the rows with a listed token in some pages of a table.

    One row for each column that holds one: its number, the rows, and the rows where the token is
    the whole value. ``pages`` are the first one, and the first one not to read (None: to the end).
    """
    candidates = sql.SQL(" UNION ALL ").join(
        part for number, column in enumerate(columns) for part in _parts(number, column, wanted)
    )
    # The OFFSET keeps long values out of the join: only the candidates get there.
    return sql.SQL(
        "SELECT place, count(*), count(*) FILTER (WHERE is_alone) FROM ("
        "SELECT candidate.address, candidate.place, "
        "bool_or(candidate.value_bytes = octet_length(listed.value)) AS is_alone FROM ("
        "SELECT page.ctid AS address, part.place, part.value_bytes, part.text, "
        "substr(part.text, 1, {head_bytes}) AS head "
        "FROM ONLY {table} AS page CROSS JOIN LATERAL ({candidates}) AS part "
        "WHERE {pages} OFFSET 0) AS candidate "
        "JOIN pg_temp.rotation_listed AS listed ON listed.head = candidate.head "
        "AND listed.value = substr(candidate.text, 1, octet_length(listed.value)) "
        "GROUP BY 1, 2) AS found GROUP BY place"
    ).format(
        head_bytes=sql.Literal(wanted.head_bytes),
        table=sql.Identifier(schema, table),
        candidates=candidates,
        pages=_within(*pages),
    )


def _within(first: int, end: int | None) -> sql.Composed:
    above = sql.SQL("page.ctid >= {}::tid").format(sql.Literal(f"({first},0)"))
    if end is None:
        return sql.Composed([above])
    below = sql.SQL("page.ctid < {}::tid").format(sql.Literal(f"({end},0)"))
    return sql.SQL(" AND ").join([above, below])


def _parts(number: int, column: SearchedColumn, wanted: Wanted) -> list[sql.Composed]:
    """Return queries of a column's candidates.

    Each answers with ``place``, ``value_bytes`` and ``text``.
    """
    name = sql.Identifier("page", column.name)
    text = sql.SQL("{}::text").format(name)
    if column.kind in ("uuid", "number"):
        return [_whole(number, _plain(text, wanted))]
    if column.kind == "cast":
        return [_inside(number, _plain(text, wanted), wanted, sql.SQL("true"))]
    # The size of a value is known without reading what is stored out of line.
    size = sql.SQL("octet_length({}) >= {}")
    fits = size.format(name if column.kind == "bytea" else text, sql.Literal(wanted.head_bytes))
    if column.kind == "text":
        return [_inside(number, _plain(text, wanted), wanted, fits)]
    escaped = sql.SQL("encode({}, 'escape')").format(name)
    parts = [_inside(number, _plain(escaped, wanted), wanted, fits)]
    if wanted.is_hex:
        digits = sql.SQL("encode({}, 'hex')").format(name)
        half = size.format(name, sql.Literal(wanted.head_bytes // 2))
        parts.append(_inside(number, digits, wanted, half))
    return parts


def _plain(text: sql.Composable, wanted: Wanted) -> sql.Composed:
    """The text as the tokens are listed."""
    if wanted.is_hex:
        return sql.SQL("replace(lower({} COLLATE \"C\"), '-', '')").format(text)
    return sql.SQL('{} COLLATE "C"').format(text)


def _whole(number: int, text: sql.Composable) -> sql.Composed:
    return sql.SQL(
        "SELECT {number} AS place, octet_length(value) AS value_bytes, "
        "convert_to(value, 'UTF8') AS text FROM (SELECT {text} AS value OFFSET 0) AS one "
        "WHERE value IS NOT NULL"
    ).format(number=sql.Literal(number), text=text)


def _inside(
    number: int, text: sql.Composable, wanted: Wanted, fits: sql.Composable
) -> sql.Composed:
    """Every stretch of the tokens' characters, from each of its positions on."""
    stretch: sql.Composable = sql.SQL("value")
    if wanted.pattern is not None:
        stretch = sql.SQL("(regexp_matches(value, {}, 'g'))[1]").format(sql.Literal(wanted.pattern))
    return sql.SQL(
        "SELECT {number} AS place, value_bytes, substr(stretch, position, {longest}) AS text "
        "FROM (SELECT value_bytes, stretch, "
        "generate_series(1, octet_length(stretch) - {head} + 1) AS position "
        "FROM (SELECT octet_length(value) AS value_bytes, convert_to({stretch}, 'UTF8') AS stretch "
        "FROM (SELECT {text} AS value WHERE {fits} OFFSET 0) AS one) AS stretches) AS positions"
    ).format(
        number=sql.Literal(number),
        longest=sql.Literal(wanted.longest_bytes),
        head=sql.Literal(wanted.head_bytes),
        stretch=stretch,
        text=text,
        fits=fits,
    )
