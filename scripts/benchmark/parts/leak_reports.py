"""How soon reported tokens are dead: a signed report over HTTP, beside customers."""

import statistics
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

from benchmark.announce import announce
from benchmark.parts.part import Part
from benchmark.parts.verdict import Verdict
from benchmark.processes.connection import connected
from benchmark.processes.databases import Databases
from benchmark.processes.web_server import serving
from benchmark.projects.leak_reports import KEY_VARIABLE
from benchmark.traffic.download import ask_and_go
from benchmark.traffic.partner import Partner
from benchmark.traffic.wrk import look_up

SERVER = ("--workers", "2")
SETTINGS = "benchmark.projects.leak_reports.settings"
REPORTED_TOKENS = 1_000
CUSTOMERS = 10_000
LINKS_TRIED = 50
WARM_UP_SECONDS = 1
LOAD_SECONDS, QUICK_LOAD_SECONDS = 5, 2
DEAD_AFTER_SECONDS = 5.0

_TOKENS = "SELECT token::text FROM tickets_ticket ORDER BY random() LIMIT %s"
_ALIVE = "SELECT count(*) FROM tickets_ticket WHERE token = ANY(%s::uuid[])"
_LATEST = "SELECT max(token_rotated_at)::text FROM tickets_ticket"


def measure_leak_reports(databases: Databases, *, rows: int, rounds: int, quick: bool) -> Part:
    """A report of 1,000 tokens, then the same again."""
    runs = []
    for number in range(rounds):
        announce(f"intake, round {number + 1} of {rounds}: {rows:,} rows")
        runs.append(_measure(databases, rows, QUICK_LOAD_SECONDS if quick else LOAD_SECONDS))
    medians = {key: statistics.median(run[key] for run in runs) for key in runs[0]}
    tokens = min(REPORTED_TOKENS, rows // 2)
    figures = {"tokens": tokens, "runs": runs, "medians": medians}
    worst = {key: max(run[key] for run in runs) for key in runs[0]}
    bounds = {
        "seconds from the answer until all are dead": ("dead_after_seconds", DEAD_AFTER_SECONDS),
        "reported links that open": ("open_links", 0),
        "rows that a replay changes": ("replay_changes", 0),
        "errors of customers": ("errors", 0),
    }
    verdicts = [Verdict(what, worst[key], at_most=most) for what, (key, most) in bounds.items()]
    return Part("intake", figures, verdicts)


def _measure(databases: Databases, rows: int, load_seconds: int) -> dict[str, float]:
    partner = Partner()
    with databases.clone(rows) as url, tempfile.TemporaryDirectory() as name:
        reported, others = _drawn(url, rows)
        links = Path(name) / "tokens"
        links.write_text("".join(f"{token}\n" for token in others))
        with serving(
            url, SERVER, directory=Path(name), settings=SETTINGS, **{KEY_VARIABLE: partner.pem}
        ) as server:
            for token in others[:20]:  # however long the workers need to be there
                ask_and_go(server.port, f"/t/{token}/", when=lambda: None)
            with ThreadPoolExecutor(max_workers=1) as pool:
                load = pool.submit(look_up, server.port, links, load_seconds)
                time.sleep(WARM_UP_SECONDS)
                first = partner.report(server.port, reported)
                dead_after = _seconds_until_dead(url, reported, since=first.answered_at)
                before = _latest(url)
                again = partner.report(server.port, reported)
                changes = int(_latest(url) != before)
                customers = asdict(load.result())
            open_links = sum(_status(server.port, token) == 200 for token in reported[:LINKS_TRIED])
    return {
        "answer_seconds": first.seconds,
        "dead_after_seconds": dead_after,
        "true_positives": first.true_positives,
        "replay_seconds": again.seconds,
        "replay_changes": changes,
        "open_links": open_links,
        "errors": customers["errors"],
        "p99_ms": customers["p99_ms"],
    }


def _drawn(url: str, rows: int) -> tuple[list[str], list[str]]:
    """The tokens of the report, and those of customers."""
    count = min(REPORTED_TOKENS, rows // 2)
    with connected(url) as connection, connection.cursor() as cursor:
        cursor.execute(_TOKENS, [count + min(CUSTOMERS, rows // 2)])
        tokens = [token for (token,) in cursor.fetchall()]
    return tokens[:count], tokens[count:]


def _seconds_until_dead(url: str, tokens: Sequence[str], *, since: float) -> float:
    """0 if none is stored at the first look after the answer."""
    with connected(url) as connection, connection.cursor() as cursor:
        for look in range(1_000):
            now = time.perf_counter()
            cursor.execute(_ALIVE, [list(tokens)])
            (alive,) = cursor.fetchone() or (0,)
            if not alive:
                return 0.0 if look == 0 else now - since
            time.sleep(0.05)
    return float("inf")


def _latest(url: str) -> Any:
    with connected(url) as connection, connection.cursor() as cursor:
        cursor.execute(_LATEST)
        return (cursor.fetchone() or (None,))[0]


def _status(port: int, token: str) -> int:
    connection = HTTPConnection("127.0.0.1", port, timeout=60)
    try:
        connection.request("GET", f"/t/{token}/")
        answer = connection.getresponse()
        answer.read()
        return answer.status
    finally:
        connection.close()
