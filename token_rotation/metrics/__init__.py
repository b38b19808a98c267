"""Figures of rotations for Prometheus.

Rotations run in other processes, commands and Celery workers, so every figure is read from the
database when it is asked for.
"""
