"""See what guards a table in every state of the catalogue that others can see.

The catalogue changes when a transaction commits. So each transaction that runs DDL looks at its
end, and notes what it is about to show.
"""

from typing import Any

WATCH = """
CREATE TABLE ddl (command text);
CREATE TABLE guards_seen (looked_at timestamptz DEFAULT clock_timestamp(), guards text[]);
CREATE FUNCTION guards_now() RETURNS text[] LANGUAGE sql AS $$
    SELECT array_agg(tgname || ' ' || md5(prosrc || pg_get_triggerdef(t.oid)) ORDER BY tgname)
    FROM pg_trigger t JOIN pg_proc p ON p.oid = tgfoid
    WHERE tgrelid::regclass::text IN ({tables}) AND tgenabled IN ('O', 'A')
    AND tgname ~ '^pgtrigger_guard_(insert|update)_'
$$;
CREATE FUNCTION note_ddl() RETURNS event_trigger LANGUAGE plpgsql AS $$
    BEGIN INSERT INTO ddl VALUES (TG_TAG); END $$;
CREATE FUNCTION look() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN INSERT INTO guards_seen (guards) VALUES (guards_now()); RETURN NULL; END $$;
CREATE CONSTRAINT TRIGGER look AFTER INSERT ON ddl DEFERRABLE INITIALLY DEFERRED
FOR EACH ROW EXECUTE FUNCTION look();
CREATE EVENT TRIGGER watch ON ddl_command_end EXECUTE FUNCTION note_ddl();
"""


class GuardWatch:
    """Watches the insert and update guards of tables from now on. The role is a superuser."""

    def __init__(self, connection: Any, *tables: str) -> None:
        self._connection = connection
        quoted = ", ".join(f"'{table}'" for table in tables)
        with connection.cursor() as cursor:
            cursor.execute(WATCH.format(tables=quoted))

    def now(self) -> tuple[str, ...]:
        """Each guard that fires, as its name and a digest of all that it does."""
        with self._connection.cursor() as cursor:
            cursor.execute("SELECT guards_now()")
            return tuple(cursor.fetchone()[0])

    def seen(self) -> list[tuple[str, ...]]:
        """What each commit of DDL has left, in order."""
        with self._connection.cursor() as cursor:
            cursor.execute("SELECT guards FROM guards_seen ORDER BY looked_at")
            return [tuple(guards or ()) for (guards,) in cursor.fetchall()]
