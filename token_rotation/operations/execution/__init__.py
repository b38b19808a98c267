"""Run an operation: start, claim, perform, beat, finish.

Nothing here knows a Celery task.
"""
