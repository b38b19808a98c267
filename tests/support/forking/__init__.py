"""Django's commands at a fraction of what it costs to start Python for each."""

from pathlib import Path

PROJECT = Path(__file__).resolve().parents[3]
REQUEST_BYTES = 1 << 17
