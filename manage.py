#!/usr/bin/env python
"""Django's command line for this project."""

import os
import sys

from tickets.config.command_line import run


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tickets.config.settings")
    sys.exit(run(sys.argv))


if __name__ == "__main__":
    main()
