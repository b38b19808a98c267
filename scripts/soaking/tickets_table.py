"""The tickets of a soak: leaked afresh for each round, with every later change counted."""

from collections.abc import Mapping

from benchmark.processes.connection import connected

from soaking.ledger import Content
from soaking.violation import Violation

OPERATOR = "soak_operator"
"""The role of the commands; the application has another one."""

_PREPARE = """
CREATE ROLE soak_operator SUPERUSER LOGIN;
CREATE TABLE leaked (ticket_id bigint NOT NULL, token uuid NOT NULL);
CREATE TABLE token_change (ticket_id bigint NOT NULL, stayed_pending boolean NOT NULL);
CREATE FUNCTION note_token_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO token_change VALUES (NEW.id, NEW.token_rotated_at IS NULL);
    RETURN NULL;
END $$;
CREATE TRIGGER note_token_change AFTER UPDATE ON tickets_ticket FOR EACH ROW
WHEN (OLD.token IS DISTINCT FROM NEW.token) EXECUTE FUNCTION note_token_change();
ALTER TABLE tickets_ticket DISABLE TRIGGER USER;
INSERT INTO tickets_ticket (id, subject, status, created_at, token, token_rotated_at)
SELECT n, 'Ticket ' || n, 'open', now(), gen_random_uuid(), NULL FROM generate_series(1, {0}) AS n;
ALTER TABLE tickets_ticket ENABLE TRIGGER USER;
SELECT setval(pg_get_serial_sequence('tickets_ticket', 'id'), {0});
"""

# Everything that was ever a token stays in "leaked", so that nothing may come back later either.
_LEAK_AGAIN = """
BEGIN;
DELETE FROM tickets_ticket WHERE id > {0};
UPDATE tickets_ticket SET token_rotated_at = NULL;
INSERT INTO leaked SELECT id, token FROM tickets_ticket;
TRUNCATE token_change;
COMMIT;
"""

_CHECKS = {
    "rows are pending": "SELECT count(*) FROM tickets_ticket WHERE token_rotated_at IS NULL",
    "leaked tokens are valid": "SELECT count(*) FROM tickets_ticket JOIN leaked USING (token)",
    "tokens are double": "SELECT count(*) - count(DISTINCT token) FROM tickets_ticket",
}


class TicketsTable:
    """The table in one database, ids 1 to ``rows`` leaked in every round, higher ones inserted."""

    def __init__(self, database_url: str, rows: int) -> None:
        self._url = database_url
        self.rows = range(1, rows + 1)
        self._execute(_PREPARE.format(rows))

    def leak_again(self) -> None:
        """Every token is leaked from now on; changes are counted from here."""
        self._execute(_LEAK_AGAIN.format(len(self.rows)))

    def contents(self) -> dict[int, Content]:
        """What the application has written, by id."""
        with connected(self._url) as connection, connection.cursor() as cursor:
            cursor.execute("SELECT id, subject, status FROM tickets_ticket")
            return {row: Content(subject, status) for row, subject, status in cursor.fetchall()}

    def changes(self) -> int:
        """How many tokens were changed since the leak."""
        return sum(self._changes_by_row().values())

    def check(self, asked: Mapping[int, int], *, clock_was_set: bool = False) -> None:
        """Raise Violation unless every leaked token is dead and was changed as often as asked.

        ``asked`` counts how often a row may have been asked to be rotated again. Where the clock
        was set back in the middle of a batch, its rows get a token and stay pending.
        """
        with connected(self._url) as connection, connection.cursor() as cursor:
            for violation, query in _CHECKS.items():
                cursor.execute(query)
                (found,) = cursor.fetchone() or (None,)
                if found != 0:
                    raise Violation(f"{found:,} {violation}")
        changes = self._changes_by_row()
        if clock_was_set:
            changes = self._changes_by_row("WHERE NOT stayed_pending")
        never = [row for row in self.rows if row not in changes]
        if never:
            raise Violation(f"the token of {len(never):,} leaked rows was never changed")
        often = [row for row, times in changes.items() if times > 1 + asked.get(row, 0)]
        if often:
            raise Violation(f"the token of {len(often):,} rows was changed more often than asked")
        inserted = [row for row in changes if row not in self.rows]
        if inserted:
            raise Violation(f"the fresh token of {len(inserted):,} inserted rows was changed")

    def _changes_by_row(self, where: str = "") -> dict[int, int]:
        query = f"SELECT ticket_id, count(*) FROM token_change {where} GROUP BY ticket_id"
        with connected(self._url) as connection, connection.cursor() as cursor:
            cursor.execute(query)
            return dict(cursor.fetchall())

    def _execute(self, script: str) -> None:
        with connected(self._url) as connection, connection.cursor() as cursor:
            cursor.execute(script)
