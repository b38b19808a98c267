"""The text of the UPDATEs that reach a database, as its server would log it."""

from typing import Any

from tests.support.leaked import value

NOTE = """
CREATE TABLE sent (statement text);
CREATE FUNCTION note_statement() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN INSERT INTO sent VALUES (current_query()); RETURN NULL; END $$;
CREATE TRIGGER note_statement AFTER UPDATE ON tickets_ticket FOR EACH STATEMENT
EXECUTE FUNCTION note_statement();
"""


def note_sent_statements(connection: Any) -> None:
    """Keep the text of every UPDATE of the tickets from here on."""
    with connection.cursor() as cursor:
        cursor.execute(NOTE)


def sent_statements(connection: Any) -> str:
    """All of them, one after another."""
    return str(value(connection, "SELECT string_agg(statement, '') FROM sent"))
