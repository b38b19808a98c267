"""Indexes that are made after a table was filled."""

from dataclasses import dataclass

from benchmark.processes.connection import connected

_OF_TICKETS = (
    "SELECT format('ALTER TABLE %s DROP CONSTRAINT %I', conrelid::regclass, conname), "
    "format('ALTER TABLE %s ADD CONSTRAINT %I %s', conrelid::regclass, conname, "
    "pg_get_constraintdef(oid)) "
    "FROM pg_constraint WHERE conrelid = 'tickets_ticket'::regclass AND contype = 'u' "
    "UNION ALL SELECT format('DROP INDEX %s', indexrelid::regclass), pg_get_indexdef(indexrelid) "
    "FROM pg_index WHERE indrelid = 'tickets_ticket'::regclass AND NOT indisprimary "
    "AND NOT EXISTS (SELECT FROM pg_constraint WHERE conindid = indexrelid)"
)


@dataclass(frozen=True, slots=True)
class SecondaryIndex:
    """The statements that drop an index of the tickets, or its constraint, and make it again."""

    drop: str
    create: str


def secondary_indexes(url: str) -> list[SecondaryIndex]:
    """All of the tickets but the primary key."""
    with connected(url) as connection, connection.cursor() as cursor:
        cursor.execute(_OF_TICKETS)
        return [SecondaryIndex(drop, create) for drop, create in cursor.fetchall()]
