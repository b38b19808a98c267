"""The one statement that Django cannot express: UPDATE ... RETURNING."""

# Row lock on the operation for the length of one statement. None of the written columns is indexed,
# so that the update is a HOT one and an operation that beats for days does not bloat its table.
BEAT = """
UPDATE "batch_batchoperation"
SET "heartbeat_at" = statement_timestamp(),
    "progress_done" = COALESCE(%(done)s, "progress_done"),
    "progress_total" = COALESCE(%(total)s, "progress_total")
WHERE "id" = %(id)s AND "status" = 'running'
RETURNING "heartbeat_at", "progress_done", "progress_total", "stop_requested_at"
"""
