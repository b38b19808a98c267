"""One rotation for one operator: look, rotate, record, show, sum up.

No SQL, no workers.
"""
