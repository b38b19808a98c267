"""Celery is not installed: everything but asynchronous work is as it was."""

import subprocess
import sys

from tests.support.manage import PROJECT
from tests.support.web_server import environment

PROGRAM = """
import sys
sys.modules["celery"] = sys.modules["redis"] = sys.modules["kombu"] = None

import django
django.setup()
from django.core.management import CommandError, call_command
from token_rotation.operations.actions.action import Action
from token_rotation.operations.actions.group import ActionGroup
from token_rotation.operations.errors import UnavailableError
from token_rotation.operations.models import BatchOperation
from token_rotation.operations.actions.registry import registry
from token_rotation.operations.execution.run import run_asynchronous, run_synchronous

class Add(Action):
    def execute(self, operation):
        return sum(operation.input_data["numbers"])

registry.register(ActionGroup("add", actions=[Add]))
call_command("check")
print(run_synchronous("add", numbers=[1, 2]).output_data["actions"][0]["value"])
try:
    run_asynchronous("add", numbers=[1, 2])
except UnavailableError as error:
    print(error)
print(BatchOperation.objects.count())
try:
    call_command("rotate_tokens", "--async")
except CommandError as error:
    print(error)
call_command("rotate_tokens", "--stop")
call_command("rotate_tokens", "--follow")
call_command("rotate_tokens")
"""


def test_everything_but_asynchronous_work_runs_without_celery(database_url: str) -> None:
    env = environment(database_url, {"DJANGO_SETTINGS_MODULE": "tickets.config.settings"})

    result = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        cwd=PROJECT,
        env=env,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )

    assert result.returncode == 0, result.stderr
    checked, three, sentence, count, refused, *rest = result.stdout.splitlines()
    assert checked.startswith("System check identified no issues")
    assert (three, count) == ("3", "1")
    assert sentence.startswith("asynchronous work needs Celery: ")
    assert sentence.endswith("pip install -r requirements-celery.txt")
    assert refused.startswith("asynchronous work needs Celery: ")
    assert "Nothing was rotated. python manage.py rotate_tokens without --async" in refused
    stopped, followed, *read = rest
    assert stopped.startswith("No rotation is running")
    assert followed == "tickets.Ticket: no workers rotate it now."
    assert len(read) == 2  # --follow and the rotation
    assert all("nothing is pending" in each.lower() for each in read), read
