"""Files of tickets, and what an import of one left in the database."""

from typing import Any

from tests.support.leaked import value

HEADER = "reference,subject,body\n"


def lines(rows: int, *, first: int = 1) -> str:
    return "".join(f"r{n},Subject {n},Body of {n}\n" for n in range(first, first + rows))


def assert_each_imported_once(connection: Any, rows: int) -> None:
    for table in ("tickets_ticket", "tickets_message", "tickets_importedticket"):
        assert value(connection, f"SELECT count(*) FROM {table}") == rows
    pairs = (
        "SELECT count(*) FROM tickets_ticket t JOIN tickets_message m ON m.ticket_id = t.id"
        " JOIN tickets_importedticket i ON i.ticket_id = t.id"
        " WHERE 'r' || substr(t.subject, 9) = i.reference"
        " AND substr(m.body, 9) = substr(t.subject, 9)"
    )
    assert value(connection, pairs) == rows
    assert value(connection, "SELECT count(DISTINCT token) FROM tickets_ticket") == rows


def last_operation(connection: Any) -> dict[str, Any]:
    found: dict[str, Any] = value(
        connection,
        "SELECT row_to_json(b) FROM token_rotation_operation b ORDER BY id DESC LIMIT 1",
    )
    return found


def stored(connection: Any) -> int:
    return int(value(connection, "SELECT count(*) FROM tickets_importedticket"))
