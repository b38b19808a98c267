"""A report that had no time to read the table says what it knows, and never "complete"."""

import json
from threading import Thread
from typing import Any

import pytest

from tests.support.leaked import leak
from tests.support.waiting import until
from token_rotation.events import Event, Retrying
from token_rotation.inspection.verdict import heap_read
from token_rotation.inspection.verdict.verdict import Unread, Verdict
from token_rotation.options import ReportOptions, RotationOptions
from token_rotation.reporting import report as report_module
from token_rotation.reporting.evidence import Evidence
from token_rotation.reporting.write_report import write_report
from token_rotation.run import verify as verify_module
from token_rotation.run.operator_run import OperatorRun
from token_rotation.run.output import Output
from token_rotation.run.verify import verify
from token_rotation.selection.target import Target
from token_rotation.stop import StopSignal

WAITING = (
    "SELECT count(*) FROM pg_locks WHERE NOT granted AND relation = 'tickets_ticket'::regclass"
)


class Nowhere:
    """A stream that nobody reads."""

    def write(self, text: str) -> int:
        return len(text)

    def flush(self) -> None:
        pass


def report(target: Target, format_: str) -> tuple[bool, str]:
    said: list[str] = []
    done = write_report([target], ReportOptions(format_), said.append, Evidence(None))
    return done, "\n".join(said)


def rotate(target: Target, **options: Any) -> bool:
    output: Any = Output("none", out=Nowhere(), err=Nowhere())  # type: ignore[arg-type]
    return OperatorRun(target, RotationOptions(**options), output).run()


def test_without_a_read_a_report_names_the_operation_that_verified_last(
    tickets: Any, target: Target, monkeypatch: pytest.MonkeyPatch
) -> None:
    leak(tickets, 100)
    assert rotate(target, verdict_at_most_seconds=1e-6) is False
    monkeypatch.setattr(report_module, "COUNT_AT_MOST_SECONDS", 0.0)
    done, text = report(target, "text")
    assert not done
    assert "none pending by the index; never verified" in text
    assert f"next              {target.command} --report --exact" in text

    tickets.cursor().execute("UPDATE tickets_ticket SET token_rotated_at = NULL WHERE id = 1")
    assert rotate(target) is True
    done, text = report(target, "text")
    (number,) = [line.split()[3] for line in text.splitlines() if ": complete," in line]
    assert not done
    (complete,) = [line for line in text.splitlines() if line.startswith("complete")]
    assert complete.endswith(f"by operation {number.rstrip(',')}")
    assert "last verified at 20" in complete
    done, text = report(target, "json")
    values = json.loads(text)
    assert (values["complete"], values["pending"], values["pending_is_estimate"]) == (
        False,
        0,
        False,
    )
    assert values["verdict"] == {
        "complete": False,
        "not_read_because": "the read was given up after 0 s",
    }
    assert values["last_verified_by_operation"] == int(number.rstrip(","))
    monkeypatch.undo()
    done, text = report(target, "text")
    assert done
    assert "complete          yes" in text


@pytest.mark.parametrize("ask", ["request", "abort"])
def test_a_stop_ends_the_read(tickets: Any, target: Target, other: Any, ask: str) -> None:
    leak(tickets, 10)
    stop = StopSignal()
    found: list[Verdict | Unread] = []
    if ask == "request":
        stop.request()
    else:
        other.cursor().execute("LOCK TABLE tickets_ticket IN ACCESS EXCLUSIVE MODE")

    def read() -> None:
        found.append(verify(target, at_most_seconds=None, observe=lambda _: None, stop=stop))

    reader = Thread(target=read)
    reader.start()
    if ask == "abort":
        until(lambda: _value(tickets, WAITING) > 0)
        stop.abort()
    reader.join()
    assert found == [Unread("the read was stopped")]


def _value(connection: Any, query: str) -> int:
    with connection.cursor() as cursor:
        cursor.execute(query)
        return int(cursor.fetchone()[0])


def test_a_read_whose_session_is_killed_begins_again(
    tickets: Any, target: Target, monkeypatch: pytest.MonkeyPatch
) -> None:
    leak(tickets, 1000)
    monkeypatch.setattr(heap_read, "CHUNK_PAGES", 1)
    monkeypatch.setattr(verify_module, "SHOW_EVERY_SECONDS", 0.0)
    seen: list[Event] = []

    def kill(event: Event) -> None:
        if not seen:
            tickets.cursor().execute(
                "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity "
                "WHERE application_name = 'rotate_tokens' AND datname = current_database()"
            )
        seen.append(event)

    verdict = verify(target, at_most_seconds=None, observe=kill)
    assert isinstance(verdict, Verdict)
    assert (verdict.rows, verdict.pending) == (1000, 1000)
    assert any(isinstance(event, Retrying) for event in seen)
