"""What pytest does more while mutants are judged. Imported by a child of the fork server alone."""

import faulthandler
import json
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

SLOW_START_SECONDS = 40.0  # the first test with a database connects, and clones its template


class Plugin:
    """Runs tests in the order given, each for a bounded time, and writes down what became of them.

    With ``coverage`` each line that runs is noted with the test that ran it.
    """

    def __init__(
        self,
        report: Path,
        *,
        tests: list[str],
        limits: Mapping[str, float],
        template_url: str | None,
        coverage: Any = None,
    ) -> None:
        self._report = report
        self._places = {test: place for place, test in enumerate(tests)}
        self._limits = limits
        self._template_url = template_url
        self._coverage = coverage
        self._is_first = True
        self._failed: dict[str, str] = {}
        self._seconds: dict[str, float] = {}
        self._running = ""

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        if self._places:
            session.items.sort(key=lambda item: self._places.get(item.nodeid, len(self._places)))
        if self._template_url is not None:
            _use_template(self._template_url)

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Any:
        limit = self._limits.get(item.nodeid, 600.0)
        if "database_url" in getattr(item, "fixturenames", ()) and self._is_first:
            self._is_first, limit = False, limit + SLOW_START_SECONDS
        self._running = item.nodeid
        self._write()
        if self._coverage is not None:
            self._coverage.switch_context(item.nodeid)
        faulthandler.dump_traceback_later(limit, exit=True)
        started_at = time.monotonic()
        try:
            return (yield)
        finally:
            faulthandler.cancel_dump_traceback_later()
            self._seconds[item.nodeid] = time.monotonic() - started_at
            if self._coverage is not None:
                self._coverage.switch_context("")

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.failed:
            self._failed[report.nodeid] = report.longreprtext[-500:]

    def pytest_sessionfinish(self) -> None:
        self._running = ""
        self._write()

    def _write(self) -> None:
        kept = {"failed": self._failed, "seconds": self._seconds, "running": self._running}
        self._report.write_text(json.dumps(kept))


def _use_template(template_url: str) -> None:
    """Clone the judge's own database instead of one that each run would have to migrate."""
    from tests.support.databases import DatabaseFactory  # noqa: PLC0415  (the mutated project's)

    make, drop = DatabaseFactory._make_template, DatabaseFactory.drop  # noqa: SLF001

    def make_or_take(self: DatabaseFactory, migrated_to: str) -> str:
        return template_url if migrated_to == "latest" else make(self, migrated_to)

    def drop_others(self: DatabaseFactory, url: str) -> None:
        if url != template_url:
            drop(self, url)

    DatabaseFactory._make_template = make_or_take  # type: ignore[method-assign]  # noqa: SLF001
    DatabaseFactory.drop = drop_others  # type: ignore[method-assign]
