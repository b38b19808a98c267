"""Rotation of a target for an operator.

Look, rotate, record, show, sum up. No SQL, no workers.
"""
