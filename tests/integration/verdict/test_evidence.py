"""Evidence says of each standby whether an old token may still open a page there."""

from collections.abc import Callable, Iterator
from typing import Any

import dj_database_url
import pytest
from django.db import connections

from tests.support.databases import unique_name
from tests.support.leaked import leak, value
from tests.support.manage import Manage
from tests.support.replication import Replicated, replicated_server
from tests.support.rotations import RotationFactory
from tests.support.waiting import until
from token_rotation.reporting import evidence_entry
from token_rotation.reporting.evidence_entry import make_entry
from token_rotation.reporting.formats import as_text
from token_rotation.reporting.report import make_report
from token_rotation.selection.target import Target

CAUGHT_UP = "SELECT replay_lsn >= pg_current_wal_lsn() FROM pg_stat_replication"


@pytest.fixture(scope="module")
def servers() -> Iterator[Replicated]:
    with replicated_server() as servers:
        yield servers


@pytest.fixture
def database_url(servers: Replicated, manage: Manage) -> str:
    """What the target is on."""
    name = unique_name("evidence")
    servers.primary.create_database(name)
    url = servers.primary.url(name)
    manage("migrate", database_url=url)
    return url


def test_a_standby_counts_as_safe_only_once_it_has_replayed_the_rotation(
    servers: Replicated,
    tickets: Any,
    target: Target,
    rotation: RotationFactory,
    connect: Callable[[str], Any],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    leak(tickets, 200)
    until(lambda: value(tickets, CAUGHT_UP))
    standby = connect(servers.standby.url(tickets.info.dbname))
    value(standby, "SELECT pg_wal_replay_pause()::text")
    result = rotation().run()
    still_valid = "SELECT count(*) FROM tickets_ticket JOIN leaked USING (token)"

    monkeypatch.setattr(evidence_entry, "REPLICAS_AT_MOST_SECONDS", 0.0)
    entry = make_entry(target, None, result=result)
    assert entry["pending"]["everywhere"]["answer"] == 0
    (replica,) = entry["replicas"]
    assert replica["has_replayed_it"] is False
    assert value(standby, still_valid) == 200

    monkeypatch.undo()
    value(standby, "SELECT pg_wal_replay_resume()::text")
    entry = make_entry(target, None, result=result)
    (replica,) = entry["replicas"]
    assert replica["has_replayed_it"] is True
    assert replica["state"] == "streaming"
    reached = "SELECT %s::pg_lsn >= %s::pg_lsn"
    assert value(tickets, reached, replica["replay_position"], entry["wal_position"])
    assert value(standby, still_valid) == 0


def test_a_standby_is_no_evidence(
    servers: Replicated, tickets: Any, target: Target, rotation: RotationFactory
) -> None:
    leak(tickets, 20)
    rotation().run()
    assert make_report(target, exact=True).complete
    until(lambda: value(tickets, CAUGHT_UP))
    standby = dj_database_url.parse(servers.standby.url(tickets.info.dbname))
    connections[target.database].settings_dict.update(dict(standby))
    report = make_report(target, exact=True)
    assert report.counts.pending.rows == 0
    assert not report.complete
    assert report.next_command == f"{target.command} --report on the primary"
    assert "complete          not verified: this server is a standby" in as_text([report])
    entry = make_entry(target, None, result=None)
    assert (entry["complete"], entry["completeness"]["is_standby"]) == (False, True)
