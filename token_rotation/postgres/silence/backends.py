"""What the server says about a backend, and the question for it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

QUESTION = """
SELECT pg_backend_pid(), current_setting('synchronous_standby_names'),
  a.pid, a.state, a.wait_event_type, a.wait_event,
  CASE WHEN a.wait_event_type = 'Lock' THEN pg_blocking_pids(a.pid) END,
  concat((SELECT v FROM pg_stat_progress_vacuum v WHERE v.pid = a.pid),
         (SELECT i FROM pg_stat_progress_create_index i WHERE i.pid = a.pid),
         (SELECT z FROM pg_stat_progress_analyze z WHERE z.pid = a.pid))
FROM (VALUES (1)) AS one LEFT JOIN pg_stat_activity a ON a.pid <> pg_backend_pid() AND
  (a.pid = ANY ({pids}) OR a.datname = current_database() AND a.usename = session_user
   AND a.application_name = {name})
"""
"""All backends of the same name too: behind a pooler nobody knows the pid. Takes no lock."""

WORKING = "active"


class Backend(NamedTuple):
    """A row of pg_stat_activity, with what shows that the backend makes progress."""

    pid: int
    state: str | None
    wait_type: str | None
    wait: str | None
    blockers: tuple[int, ...]
    progress: str

    @property
    def waits_for_standby(self) -> bool:
        return (self.wait_type, self.wait) == ("IPC", "SyncRep")

    @property
    def is_settled(self) -> bool:
        """Return True when it waits for its client, so it has answered."""
        return self.state is not None and self.state.startswith("idle")


@dataclass(frozen=True, slots=True)
class Answer:
    """The backends that may run a statement: one, or those behind a pooler."""

    backends: tuple[Backend, ...]
    standby_names: str = ""


@dataclass(frozen=True, slots=True)
class Refused:
    """The server spoke, but did not tell: it has no connection left, say."""

    reason: str


@dataclass(frozen=True, slots=True)
class Unanswered:
    """Nothing came, or nobody listens."""


Look = Answer | Refused | Unanswered


def answer_about(pid: int, rows: Sequence[Sequence[Any]], *, is_pooled: bool) -> Answer:
    """Return what the rows of ``QUESTION`` say about one backend."""
    backends = [
        Backend(row[2], row[3], row[4], row[5], tuple(row[6] or ()), row[7])
        for row in rows
        if row[2] is not None and (is_pooled or row[2] == pid)
    ]
    return Answer(tuple(sorted(backends)), rows[0][1] if rows else "")
