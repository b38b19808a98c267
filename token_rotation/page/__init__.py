"""The rotation page for staff: watch, start, stop and pace.

No SQL is here, and nothing of a command.
"""
