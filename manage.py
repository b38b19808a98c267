#!/usr/bin/env python
"""Django's command line for this project."""

import gc
import os
import signal
import sys


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tickets.config.settings")
    # Python raises KeyboardInterrupt wherever it is, even while it imports: a traceback.
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    # What is imported stays: looking for garbage in it, again and again, is a tenth of the start.
    gc.disable()  # until there is a command to run
    from tickets.config.command_line import run  # noqa: PLC0415  (it takes a while)

    sys.exit(run(sys.argv))


if __name__ == "__main__":
    main()
