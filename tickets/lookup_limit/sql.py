"""SQL of the failure counts.

Values are named parameters; the database's clock decides.
"""

# One statement, so that two workers that count at the same time both count.
COUNT = """
INSERT INTO lookup_limit_failurecount AS counted (key, failures, expires_at)
VALUES (%(key)s, %(amount)s, statement_timestamp() + %(seconds)s * interval '1 second')
ON CONFLICT (key) DO UPDATE SET
    failures = excluded.failures
        + CASE WHEN counted.expires_at > statement_timestamp() THEN counted.failures ELSE 0 END,
    expires_at = CASE WHEN counted.expires_at > statement_timestamp()
        THEN counted.expires_at ELSE excluded.expires_at END
RETURNING failures
"""

READ = """
SELECT failures, extract(epoch FROM expires_at)::float8 FROM lookup_limit_failurecount
WHERE key = %(key)s AND expires_at > statement_timestamp()
"""

# Skips rows that another worker counts or deletes at this moment.
DELETE_EXPIRED = """
DELETE FROM lookup_limit_failurecount WHERE key IN (
    SELECT key FROM lookup_limit_failurecount WHERE expires_at <= statement_timestamp()
    LIMIT 10000 FOR UPDATE SKIP LOCKED)
"""
