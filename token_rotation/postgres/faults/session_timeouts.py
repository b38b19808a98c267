"""Time limits of a role or database that end sessions.

PostgreSQL ends the session with FATAL then. The driver says no more than that the connection was
lost, in sessions of any language.
"""

from __future__ import annotations

import time
from dataclasses import dataclass

from django.db import OperationalError

from token_rotation.postgres import driver, statements
from token_rotation.postgres.connection import Connection
from token_rotation.postgres.driver import sql
from token_rotation.postgres.faults.failures import fault_of
from token_rotation.postgres.faults.sqlstate import Fault

TRANSACTION = "transaction_timeout"
PROBE_SECONDS = 2
MEND = "ALTER ROLE or ALTER DATABASE ... SET raises it"

TIMEOUTS = sql.SQL(
    # The limit may be shorter than this look: what it is is kept, and then it is taken away.
    "SELECT set_config('token_rotation.transaction_timeout', "
    "coalesce(current_setting('transaction_timeout', true), '0'), true); "
    "{lasting}; "
    "WITH known (name, now) AS (VALUES "
    "('transaction_timeout', current_setting('token_rotation.transaction_timeout')), "
    "('idle_in_transaction_session_timeout', "
    "current_setting('idle_in_transaction_session_timeout')), "
    "('idle_session_timeout', current_setting('idle_session_timeout', true))), "
    "stored AS (SELECT split_part(each, '=', 1) AS name, "
    "regexp_replace(split_part(each, '=', 2), '^([0-9]+)$', '\\1ms') AS setting, "
    "coalesce('role ' || quote_ident(r.rolname), 'every role') "
    "|| coalesce(' in database ' || quote_ident(d.datname), '') AS set_for, "
    "row_number() OVER (PARTITION BY split_part(each, '=', 1) "
    "ORDER BY s.setrole = 0, s.setdatabase = 0) AS place "
    "FROM pg_db_role_setting s CROSS JOIN unnest(s.setconfig) AS each "
    "LEFT JOIN pg_roles r ON r.oid = s.setrole LEFT JOIN pg_database d ON d.oid = s.setdatabase "
    "WHERE (s.setrole = 0 OR r.rolname = session_user) "
    "AND (s.setdatabase = 0 OR d.datname = current_database())), "
    "found AS (SELECT known.name, coalesce(nullif(now, '0'), setting, '0') AS setting, set_for "
    "FROM known LEFT JOIN stored ON stored.name = known.name AND place = 1) "
    "SELECT name, setting, extract(epoch FROM setting::interval)::float8, set_for "
    "FROM found WHERE setting::interval > interval '0'"
).format(lasting=statements.LASTING)
"""Name, setting, seconds, and the role or database it is set for, of each that is set. No lock."""

WAYS_TO_ASK = ("", "", "-c transaction_timeout=0 -c idle_session_timeout=0")
"""Start-up options, one after the other. Older servers and poolers refuse the last ones."""


@dataclass(frozen=True, slots=True)
class SessionTimeout:
    """One limit. ``set_for`` is None where server or connection set it."""

    name: str
    setting: str
    seconds: float
    set_for: str | None

    def __str__(self) -> str:
        return f"{self.name} is {self.setting} for {self.set_for or 'this server or connection'}"


@dataclass(frozen=True, slots=True)
class Loss:
    """What may have ended a session.

    ``cut_short``: transaction_timeout did; a smaller transaction may end in time.
    """

    reason: str
    cut_short: bool


def why_lost(connection: Connection, error: Exception, seconds: float) -> Loss | None:
    """Return the limits that may have ended a session in work that took ``seconds``.

    None where there are none, where no session was lost, or the server cannot be asked.
    """
    if (
        not isinstance(error, driver.Error) or driver.session_of(error) is None
    ):  # no session to lose
        return None
    if driver.sqlstate_of(error) is not None or fault_of(error) is not Fault.CONNECTION:
        return None
    return what_ends_sessions(connection.database, seconds)


def what_ends_sessions(database: str, seconds: float) -> Loss | None:
    """Return the limits that may have ended a session of an alias, at work for ``seconds``.

    None where there are none, or the server cannot be asked.
    """
    found = _timeouts(database)
    cut = [each for each in found if each.name == TRANSACTION and seconds >= each.seconds]
    idle = [each for each in found if each.name != TRANSACTION]
    if cut:
        reason = f"the session was lost after {seconds:.3g} s, and {cut[0]}, which ends longer"
        return Loss(f"{reason} transactions ({MEND})", cut_short=True)
    if idle:
        reason = f"the session was lost, and {', '.join(map(str, idle))}"
        return Loss(f"{reason}, which ends idle sessions ({MEND})", cut_short=False)
    return None


def _timeouts(database: str) -> list[SessionTimeout]:
    ends_at = time.monotonic() + PROBE_SECONDS
    for options in WAYS_TO_ASK:
        if time.monotonic() > ends_at:
            break
        probe = Connection(database, connect_seconds=PROBE_SECONDS, startup_options=options)
        try:
            return [SessionTimeout(*row) for row in probe.rows(TIMEOUTS)]
        except driver.Error:  # perhaps for the limit that is looked for
            continue
        except OperationalError:
            break
        finally:
            probe.close()
    return []
