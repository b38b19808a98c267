"""An index whose order is not that of the comparison, as after a change of a collation."""

from typing import Any

DISORDER = """
CREATE FUNCTION odd_cmp(bigint, bigint) RETURNS int IMMUTABLE STRICT LANGUAGE sql AS
$$ SELECT btarraycmp(ARRAY[$1 % 7, $1], ARRAY[$2 % 7, $2]) $$;
CREATE OPERATOR CLASS odd_ops FOR TYPE bigint USING btree AS FUNCTION 1 odd_cmp(bigint, bigint);
"""
AS_IF_IN_ORDER = """
UPDATE pg_index SET indclass = (
    SELECT oid::text::oidvector FROM pg_opclass WHERE opcname = 'int8_ops'
    AND opcmethod = (SELECT oid FROM pg_am WHERE amname = 'btree')
) WHERE indexrelid = '{index}'::regclass
"""
KEEP_PLANS = "ALTER TABLE tickets_ticket SET (autovacuum_enabled = off)"
"""Fresh statistics would make a small table read in full, in order."""

PENDING, KEY = "tickets_ticket_pending", "tickets_ticket_pkey"
BUILD = {
    PENDING: f"DROP INDEX {PENDING}; "
    f"CREATE INDEX {PENDING} ON tickets_ticket (id odd_ops) WHERE token_rotated_at IS NULL",
    KEY: f"ALTER TABLE tickets_ticket DROP CONSTRAINT {KEY} CASCADE; "
    f"CREATE UNIQUE INDEX {KEY} ON tickets_ticket (id odd_ops)",
}


def disorder(tickets: Any, index: str) -> None:
    """Build an index anew in another order than PostgreSQL takes it to be in.

    A role without a superuser's rights may not do that.
    """
    with tickets.cursor() as cursor:
        cursor.execute(KEEP_PLANS)
        cursor.execute(DISORDER)
        cursor.execute(BUILD[index])
        cursor.execute(AS_IF_IN_ORDER.format(index=index))
