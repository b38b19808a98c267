"""One rotation for one operator.

Look, rotate, record, show, sum up. No SQL, no workers.
"""
