"""What machines read of rotations: figures for Prometheus, and whether the site is ready.

Rotations run in other processes, commands and Celery workers. So every figure is read from the
database when it is asked for.
"""

from token_rotation.metrics.readiness import healthz, readyz
from token_rotation.metrics.view import metrics

__all__ = [
    "healthz",
    "metrics",
    "readyz",
]
