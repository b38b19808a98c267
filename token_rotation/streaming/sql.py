"""SQL of a report's transaction.

Values are named parameters.
"""

# All settings end with the transaction, so that a transaction-pooling proxy keeps none of them.
# With the last three the database ends a query by itself whose web server was killed, stopped or
# cut off.
BEGIN = """
SET TRANSACTION READ ONLY;
SET LOCAL cursor_tuple_fraction = 1;
SET LOCAL statement_timeout = %(statement_timeout_ms)s;
SET LOCAL idle_in_transaction_session_timeout = %(idle_timeout_ms)s;
SET LOCAL client_connection_check_interval = 1000
"""

# One of the places that reports of all processes compete for; no row if all are taken.
TAKE_PLACE = """
SELECT place FROM generate_series(1, %(places)s) AS place
WHERE pg_try_advisory_xact_lock(%(lock_class)s, place) LIMIT 1
"""

LOCK_CLASS = 1_919_250_543
"""First key of the advisory locks of reports: an arbitrary number."""
