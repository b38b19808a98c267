"""The one statement that Django cannot express: UPDATE ... RETURNING."""

from token_rotation.postgres.statements import KEEP_RECORD_BRIEFLY, WITHOUT_A_FLUSH

BRIEFLY = f"{KEEP_RECORD_BRIEFLY}; {WITHOUT_A_FLUSH}"
"""Before a statement, in one message with it."""

# Row lock on the operation for the length of one statement. None of the written columns is indexed,
# so that the update is a HOT one and an operation that beats for days does not bloat its table.
#
# The statement keeps the samples (the start, then one in five seconds, 120 in all), not the caller:
# so they are right for any number of processes that beat for one operation, and by one clock.
# After a clock was set back there are more samples for a while, rather than none.
BEAT = """
UPDATE "token_rotation_operation"
SET "heartbeat_at" = statement_timestamp(),
    "progress_done" = COALESCE(%(done)s, "progress_done"),
    "progress_total" = COALESCE(%(total)s, "progress_total"),
    "live_data" = COALESCE(%(live)s::jsonb, "live_data"),
    "recent_progress" = CASE
        WHEN "recent_progress" IS NULL THEN jsonb_build_array(jsonb_build_array(
            round(extract(epoch FROM "heartbeat_at"), 1), "progress_done"))
        WHEN abs(extract(epoch FROM statement_timestamp()) - ("recent_progress"->-1->>0)::numeric)
            >= 5
        THEN jsonb_path_query_array("recent_progress", '$[last - 118 to last]')
            || jsonb_build_array(jsonb_build_array(
                round(extract(epoch FROM statement_timestamp()), 1),
                COALESCE(%(done)s, "progress_done")))
        ELSE "recent_progress"
    END
WHERE "id" = %(id)s AND "status" = 'running' AND "runner" = COALESCE(%(runner)s, "runner")
RETURNING "heartbeat_at", "progress_done", "progress_total", "stop_requested_at",
    "recent_progress"::text, "control_data"::text
"""
