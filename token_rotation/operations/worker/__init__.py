"""The classes of Celery's task and request; with tasks.py the only room that imports Celery."""
