"""Run an operation: start, claim, perform, beat, finish. Knows no Celery task."""
