"""Values that no version of this code stores, and some version or other code may have stored."""

from typing import Any

JUNK: list[Any] = [
    *(None, True, 0, 1.5, 10**400, "", "words", [], [None], [["action"]], {}, {"type": {}}),
    {"actions": "words"},
    {"actions": {"action": 1}},
    {"actions": [None, 1, "words", [], {}, {"action": [], "error": 7, "status": {}}]},
    {"error": [1, {"message": "secret"}]},
    {"outcome": 1, "rotated_rows": "7", "seconds": {}, "error": "a sentence"},
    {"batches": "x", "retries": "x", "waited_seconds": {"pace": "x"}, "batch_seconds": [1]},
    {"batch_seconds": {"sum": 10**400, "counts": {"+Inf": "x"}}, "rounds": "x", "losses": []},
    {"error": {"type": 1, "message": ["secret"], "traceback": 2}},
]

# PostgreSQL stores it, and Python refuses to read so long a number.
UNREADABLE = """
UPDATE token_rotation_operation SET output_data = ('{"rounds": ' || repeat('9', 5000) || '}')::jsonb
WHERE id = %s
"""
