"""The names of prometheus_client that ``metrics`` needs.

The rest of this package needs none of them.
"""

try:
    from prometheus_client import CollectorRegistry
    from prometheus_client.core import (
        CounterMetricFamily,
        GaugeMetricFamily,
        HistogramMetricFamily,
    )
    from prometheus_client.exposition import choose_encoder
    from prometheus_client.metrics_core import Metric
    from prometheus_client.registry import Collector
except ModuleNotFoundError as error:
    raise ModuleNotFoundError(
        "token_rotation.metrics.metrics needs prometheus-client. "
        "Run: pip install 'django-token-rotation[metrics]'",
        name=error.name,
    ) from None

__all__ = [
    "Collector",
    "CollectorRegistry",
    "CounterMetricFamily",
    "GaugeMetricFamily",
    "HistogramMetricFamily",
    "Metric",
    "choose_encoder",
]
