"""A site that listens to rotations: each signal becomes a line of keys in the file $HEARD.

$END_AT n: at the n-th signal the process is killed (SIGKILL) before it has written its line.
$SESSION: it writes the name of its database session into that file.
$FAIL: it fails each time after it has written, with an error that quotes a token.
"""

import json
import os
import signal
from itertools import count
from pathlib import Path
from typing import Any

from django.apps import AppConfig
from django.db import connection

_signals = count(1)


def write_down(keys: tuple[int, ...], **_: Any) -> None:
    from tickets.models import Ticket  # noqa: PLC0415  (models are not there any earlier)

    if str(next(_signals)) == os.environ.get("END_AT"):
        os.kill(os.getpid(), signal.SIGKILL)
    with Path(os.environ["HEARD"]).open("a") as heard:
        heard.write(json.dumps(keys) + "\n")
    if "SESSION" in os.environ:
        with connection.cursor() as cursor:
            cursor.execute("SELECT current_setting('application_name')")
            Path(os.environ["SESSION"]).write_text(cursor.fetchone()[0])
    if "FAIL" in os.environ:
        raise RuntimeError(f"no mail about {Ticket.objects.get(pk=keys[0]).token}")


class ListeningConfig(AppConfig):
    name = "tests.projects.listening"

    def ready(self) -> None:
        from tickets.models import Ticket  # noqa: PLC0415  (models are not there any earlier)
        from token_rotation.signals import tokens_rotated  # noqa: PLC0415

        tokens_rotated.connect(write_down, sender=Ticket)
