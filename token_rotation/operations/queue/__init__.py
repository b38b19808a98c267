"""The broker: what it can take and how a task gets into it. Celery itself is never imported."""
