"""The rotation page for staff: watch, start, stop and pace. No SQL, and nothing of a command."""
