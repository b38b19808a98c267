"""Ranges of the primary key, an UPDATE each: no lock timeout, no retry, no regard to traffic."""

from django.db import connection

RANGE_KEYS = 4_000


def rotate() -> int:
    rows = 0
    with connection.cursor() as cursor:
        cursor.execute("SELECT coalesce(max(id), 0) FROM tickets_ticket")
        (largest,) = cursor.fetchone()
        for after in range(0, largest, RANGE_KEYS):
            cursor.execute(
                "UPDATE tickets_ticket SET token = gen_random_uuid(), token_rotated_at = now()"
                " WHERE id > %s AND id <= %s AND token_rotated_at IS NULL",
                [after, after + RANGE_KEYS],
            )
            rows += cursor.rowcount
    return rows
