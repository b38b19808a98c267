"""How soon a list of leaked tokens is rotated, and looked up."""

import statistics
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from psycopg2.sql import SQL, Literal

from benchmark.announce import announce
from benchmark.errors import BenchmarkError
from benchmark.parts.part import Part
from benchmark.parts.verdict import Verdict
from benchmark.processes import child
from benchmark.processes.connection import connected, one_value
from benchmark.processes.databases import Databases
from benchmark.processes.manage import manage

ONLY_SHARE = 100  # 10,000 of 1,000,000 tokens
SMALLER_SHARE = 10  # 100,000 against 1,000,000
ONLY_SECONDS_AT_MOST = 5.0
VERIFY_SECONDS_AT_MOST = 60.0
MEMORY_AT_MOST = 1.15

KINDS = {
    "tokens": "token::text",
    "SHA-256": "encode(sha256(convert_to(token::text, 'UTF8')), 'hex')",
}
EXIT_CODES = {"all": 3, "none": 0}
"""Of verify_tokens, by how many of the listed tokens are valid."""

# In the order of tokens, which is none of the table's.
_LEAK = (
    "CREATE TABLE leaked AS"
    " SELECT id, token, row_number() OVER (ORDER BY token) AS place FROM tickets_ticket"
)
_LISTED = "SELECT {value} FROM leaked WHERE place <= {lines} ORDER BY place"
_NOT_AS_LISTED = (
    "SELECT count(*) FROM leaked JOIN tickets_ticket AS now USING (id)"
    " WHERE (now.token <> leaked.token) <> (place <= {lines})"
)

Figures = dict[str, Any]


def measure_lists(databases: Databases, *, rows: int, rounds: int) -> Part:
    """Lists of two sizes and kinds are verified, a small one is rotated, then everything, and the
    larger lists are verified again.
    """
    runs: list[list[Figures]] = []
    for number in range(rounds):
        announce(f"lists, round {number + 1} of {rounds}")
        with databases.clone(rows) as url, tempfile.TemporaryDirectory() as directory:
            runs.append(list(_measure(url, Path(directory), rows)))
    commands = [_with_medians(same) for same in zip(*runs, strict=True)]
    return Part("lists", {"commands": commands}, _verdicts(commands))


def _measure(url: str, directory: Path, rows: int) -> Iterator[Figures]:
    with connected(url) as connection, connection.cursor() as cursor:
        cursor.execute(_LEAK)
    lists = [
        (kind, lines, _write(url, directory, kind, lines))
        for kind in KINDS
        for lines in (rows // SMALLER_SHARE, rows)
    ]
    yield from (_verify(url, *each, valid="all") for each in lists)
    lines = rows // ONLY_SHARE
    yield _only(url, lines, _write(url, directory, "tokens", lines))
    manage("rotate_tokens", database_url=url)
    yield from (_verify(url, *each, valid="none") for each in lists[1::2])


def _write(url: str, directory: Path, kind: str, lines: int) -> Path:
    """A list of the first leaked tokens."""
    path = directory / f"{kind}-{lines}"
    listed = SQL(_LISTED).format(value=SQL(KINDS[kind]), lines=Literal(lines))
    with (
        connected(url) as connection,
        # With the list in memory, this process would be larger than those that are measured.
        connection.cursor("listed", withhold=True) as cursor,
        path.open("w") as file,
    ):
        cursor.itersize = 10_000
        cursor.execute(listed)
        file.writelines(f"{value}\n" for (value,) in cursor)
    return path


def _verify(url: str, kind: str, lines: int, path: Path, *, valid: str) -> Figures:
    arguments = ("verify_tokens", str(path))
    ended = manage(*arguments, database_url=url, exit_codes=(EXIT_CODES[valid],))
    return _figures(f"--verify, {valid} valid", kind, lines, ended)


def _only(url: str, lines: int, path: Path) -> Figures:
    """Raises BenchmarkError when another row changed, or a listed one did not."""
    ended = manage("rotate_tokens", "--only", str(path), database_url=url)
    wrong = one_value(url, _NOT_AS_LISTED.format(lines=lines))
    if wrong:
        raise BenchmarkError(f"--only with {lines:,} tokens: {wrong:,} rows are not as listed")
    return _figures("--only", "tokens", lines, ended)


def _figures(command: str, kind: str, lines: int, ended: child.Ended) -> Figures:
    return {
        "command": command,
        "kind": kind,
        "lines": lines,
        "seconds": ended.seconds,
        "peak_client_memory_bytes": ended.peak_memory_bytes,
    }


def _with_medians(runs: Sequence[Figures]) -> Figures:
    named = {key: runs[0][key] for key in ("command", "kind", "lines")}
    keys = [key for key in runs[0] if key not in named]
    medians = {key: statistics.median(run[key] for run in runs) for key in keys}
    return {**named, "medians": medians, "runs": [{key: run[key] for key in keys} for run in runs]}


def _verdicts(commands: Sequence[Figures]) -> list[Verdict]:
    """Seconds of the slowest run; memory of the medians, a list against a tenth of it."""
    verdicts = []
    for command, at_most in (
        ("--only", ONLY_SECONDS_AT_MOST),
        ("--verify", VERIFY_SECONDS_AT_MOST),
    ):
        same = [each for each in commands if each["command"].startswith(command)]
        slowest = max(run["seconds"] for each in same for run in each["runs"])
        lines = max(each["lines"] for each in same)
        what = f"seconds of {command}, {lines:,} lines, slowest run"
        verdicts.append(Verdict(what, slowest, at_most=at_most))
    what = "client memory of --verify / with a tenth of the lines"
    return [*verdicts, Verdict(what, max(_memory_ratios(commands)), at_most=MEMORY_AT_MOST)]


def _memory_ratios(commands: Sequence[Figures]) -> Iterator[float]:
    for large in commands:
        for small in commands:
            same = all(large[key] == small[key] for key in ("command", "kind"))
            if same and large["lines"] > small["lines"]:
                memory = [each["medians"]["peak_client_memory_bytes"] for each in (large, small)]
                yield memory[0] / memory[1]
