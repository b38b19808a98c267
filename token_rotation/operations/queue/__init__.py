"""The broker: its limits, and the way into its queues.

Nothing here imports Celery itself.
"""
