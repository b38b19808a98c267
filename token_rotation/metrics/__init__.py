"""Views for machines: Prometheus figures, and liveness and readiness.

Rotations run in other processes, so every view reads the database. Only ``metrics`` needs the
package prometheus-client: ``pip install 'django-token-rotation[metrics]'``.
"""

from typing import TYPE_CHECKING

from token_rotation._public import public_names

if TYPE_CHECKING:
    from token_rotation.metrics.readiness import healthz, readyz
    from token_rotation.metrics.view import metrics

__all__ = [
    "healthz",
    "metrics",
    "readyz",
]

__getattr__ = public_names(
    __name__,
    {
        "healthz": "token_rotation.metrics.readiness",
        "metrics": "token_rotation.metrics.view",
        "readyz": "token_rotation.metrics.readiness",
    },
)
