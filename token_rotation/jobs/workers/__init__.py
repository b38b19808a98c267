"""Runs in Celery workers: handed out here, gone through there, one attempt after another."""
