"""What the demo asks of the database: an audit from outside the application, and the proof."""

AUDIT = """
CREATE SCHEMA demo;
CREATE TABLE demo.leaked AS SELECT id, token FROM tickets_ticket;
CREATE TABLE demo.token_changes (id bigint NOT NULL, before_the_kill boolean NOT NULL);
CREATE TABLE demo.killed (at timestamptz);
CREATE FUNCTION demo.audit() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO demo.token_changes SELECT NEW.id, NOT EXISTS (SELECT FROM demo.killed);
    RETURN NULL;
END $$;
CREATE TRIGGER demo_audit AFTER UPDATE ON tickets_ticket FOR EACH ROW
    WHEN (OLD.token IS DISTINCT FROM NEW.token) EXECUTE FUNCTION demo.audit();
"""
# The rotation goes by id: when the middle ticket is rotated, it is half-way.
HALF_WAY = """
SELECT token_rotated_at IS NOT NULL FROM tickets_ticket
ORDER BY id OFFSET (SELECT count(*) / 2 FROM demo.leaked) LIMIT 1
"""
# Somebody found these. The rotation would come to them early, but not first.
REPORTED = "SELECT token FROM demo.leaked ORDER BY id OFFSET 10 LIMIT 10"
REPORTED_AND_VALID = f"""
SELECT count(*) FROM ({REPORTED}) AS reported JOIN tickets_ticket USING (token)
"""
ROTATED = "SELECT count(*) FROM tickets_ticket WHERE token_rotated_at IS NOT NULL"
OTHER_CLIENTS = """
SELECT count(*) FROM pg_stat_activity
WHERE datname = current_database() AND backend_type = 'client backend'
AND application_name <> 'demo'
"""
# Of a few tickets somebody knows who asks.
REQUESTERS = """
UPDATE tickets_ticket SET requester_email = 'requester' || id || '@example.org'
WHERE id IN (SELECT id FROM tickets_ticket ORDER BY id LIMIT 500)
"""
# What must be so in the end: description, query, expected value (None: the number of tickets).
PROOFS: list[tuple[str, str, int | None]] = [
    (
        "tickets whose leaked token has been replaced",
        (
            "SELECT count(*) FROM demo.leaked o JOIN tickets_ticket t USING (id)"
            " WHERE o.token <> t.token"
        ),
        None,
    ),
    (
        "leaked tokens still valid",
        "SELECT count(*) FROM demo.leaked o JOIN tickets_ticket t USING (token)",
        0,
    ),
    ("tokens unique", "SELECT count(DISTINCT token) FROM tickets_ticket", None),
    (
        "tickets still pending",
        "SELECT count(*) FROM tickets_ticket WHERE token_rotated_at IS NULL",
        0,
    ),
    (
        "rows rotated before the kill and again after it",
        (
            "SELECT count(*) FROM (SELECT id FROM demo.token_changes GROUP BY id"
            " HAVING bool_or(before_the_kill) AND NOT bool_and(before_the_kill)) AS twice"
        ),
        0,
    ),
    (
        "rows rotated more than once",
        (
            "SELECT count(*) FROM (SELECT id FROM demo.token_changes GROUP BY id"
            " HAVING count(*) > 1) AS twice"
        ),
        0,
    ),
    (
        "requesters not told of their new link",
        (
            "SELECT count(*) FROM tickets_ticket WHERE requester_email IS NOT NULL"
            " AND token_notified_at IS DISTINCT FROM token_rotated_at"
        ),
        0,
    ),
]
