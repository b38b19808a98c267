#!/usr/bin/env python
"""Django's command line for this project."""

import os
import sys


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tickets.config.settings")
    try:
        from tickets.config.command_line import run  # noqa: PLC0415  (it takes a while)
    except KeyboardInterrupt:
        sys.stderr.write("manage.py: interrupted\n")
        sys.exit(130)
    sys.exit(run(sys.argv))


if __name__ == "__main__":
    main()
