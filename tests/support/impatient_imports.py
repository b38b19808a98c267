"""import_tickets that waits for nothing as long as it usually does."""

import sys
from subprocess import Popen

from tests.support.manage import PROJECT, Manage

PROGRAM = """
import sys
from dataclasses import replace
from tickets.config.command_line import run
import django
django.setup()
from tickets.importing import isolation, retries
from token_rotation.postgres import opening
opening.USUAL = replace(opening.USUAL, ask_after_seconds=0.2, lifeless_seconds=3.0)
impatient = retries.Tries(attempts=3, locked_seconds=1.0, slow_seconds=0.0)
isolation.WHOLE = retries.Retries.do.__kwdefaults__["tries"] = impatient
sys.exit(run(["manage.py", "import_tickets", *sys.argv[1:]]))
"""


def import_impatiently(manage: Manage, database_url: str, *arguments: str) -> "Popen[str]":
    """Start it. A lock is a second, not a minute, a silent statement three seconds, not thirty."""
    return manage.start_program(
        *(sys.executable, "-c", PROGRAM, *arguments),
        database_url=database_url,
        env={"DJANGO_SETTINGS_MODULE": "tickets.config.settings", "PYTHONPATH": str(PROJECT)},
    )
