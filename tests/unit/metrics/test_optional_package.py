"""Without prometheus-client the probes work, and /metrics says what to install."""

import subprocess
import sys

from tests.support.manage import PROJECT

WITHOUT = """
import sys
sys.modules["prometheus_client"] = None
from token_rotation.metrics import healthz, readyz
print(healthz.__name__, readyz.__name__)
from token_rotation.metrics import metrics
"""


def test_the_probes_need_nothing_and_metrics_says_what_to_install() -> None:
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT], cwd=PROJECT, capture_output=True, text=True, check=False
    )
    assert done.stdout == "healthz readyz\n", done.stderr
    assert done.stderr.splitlines()[-1] == (
        "ModuleNotFoundError: token_rotation.metrics.metrics needs prometheus-client. "
        "Run: pip install 'django-token-rotation[metrics]'"
    )
