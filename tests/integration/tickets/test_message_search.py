"""Messages from before their search column are filled by the command."""

from collections.abc import Callable
from typing import Any

from tests.support.manage import Manage

OLD = """
ALTER TABLE tickets_message DISABLE TRIGGER USER;
INSERT INTO tickets_ticket (subject, status, created_at, token)
VALUES ('old', 'open', now(), gen_random_uuid());
INSERT INTO tickets_message (ticket_id, body, version)
SELECT id, 'message ' || n, 1 FROM tickets_ticket, generate_series(1, 500) AS n;
COMMIT;
ALTER TABLE tickets_message ENABLE TRIGGER USER;
"""


def test_messages_from_before_are_filled_by_the_command(
    manage: Manage, database_url: str, connect: Callable[[str], Any]
) -> None:
    tables = connect(database_url)
    with tables.cursor() as cursor:
        cursor.execute(OLD)
        reported = manage("fill_column", "--report", database_url=database_url)
        filled = manage("fill_column", "--workers", "2", database_url=database_url)
        cursor.execute(
            "SELECT count(*) FROM tickets_message WHERE search @@ to_tsquery('simple', 'message')"
        )
        assert cursor.fetchone() == (500,)
    assert reported.returncode == 3
    assert "500 of 500 rows pending" in reported.stdout
    assert filled.returncode == 0
    assert "Nothing is pending. Verified: read all 500 rows" in filled.stdout
