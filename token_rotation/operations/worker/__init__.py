"""The classes of Celery's task and request.

With tasks.py this is the only package that imports Celery.
"""
