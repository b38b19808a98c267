"""What the planner may believe of the tickets' table."""

ROWS = 3_000
"""More pages than the planner would rather read as a whole for one row."""

STATISTICS = {
    "none": "DELETE FROM pg_statistic WHERE starelid = 'tickets_ticket'::regclass;"
    "UPDATE pg_class SET reltuples = -1, relpages = 0 WHERE oid = 'tickets_ticket'::regclass",
    "of an empty table": "UPDATE pg_class SET reltuples = 0 WHERE oid = 'tickets_ticket'::regclass",
    "of a table without a pending row": "ALTER TABLE tickets_ticket DISABLE TRIGGER USER;"
    "UPDATE tickets_ticket SET token_rotated_at = now(); ANALYZE tickets_ticket;"
    "UPDATE tickets_ticket SET token_rotated_at = NULL;"
    "ALTER TABLE tickets_ticket ENABLE TRIGGER USER",
    "true": "ANALYZE tickets_ticket",
}
