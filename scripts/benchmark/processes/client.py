"""Run one recipe as a program.

Usage: `python -m benchmark.processes.client benchmark.recipes.NAME [ARGUMENT]...`.

The module's `rotate` gets the arguments and returns how many rows it changed. What it did is the
last line on stdout, in the form of `rotate_tokens --progress json`.
"""

import importlib
import json
import os
import sys
import time

import django


def main(module: str, *arguments: str) -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tickets.config.settings")
    django.setup()
    rotate = importlib.import_module(module).rotate  # after setup: it may import models
    started = time.perf_counter()
    rows = rotate(*arguments)
    seconds = time.perf_counter() - started
    end = {"event": "end", "outcome": "complete", "rotated_rows": rows, "seconds": seconds}
    print(json.dumps(end), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
