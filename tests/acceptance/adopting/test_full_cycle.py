"""A package's leaked tokens, from the leak to the removal of the guard, while the package works."""

from pathlib import Path
from shlex import quote
from typing import Any

import pytest

from tests.support.leaked import value
from tests.support.packages import Package, package_project
from tests.support.waiting import until

DRF = Package(
    "adoption.projects.authtoken",
    "authtoken.Token",
    "authtoken_token",
    "key",
    "key_rotated_at",
    """
from django.core.management import call_command
before = visitor.stored(owner)
call_command("drf_create_token", "--reset", owner, verbosity=0, stdout=open("/dev/null", "w"))
renewed = not visitor.accepts(before) and visitor.accepts(visitor.stored(owner))
""",
)
OAUTH = Package(
    "adoption.projects.oauth_access_token",
    "oauth2_provider.AccessToken",
    "oauth2_provider_accesstoken",
    "token",
    "token_rotated_at",
    """
from base64 import b64encode
from adoption.projects.oauth_application.visitor import application_of
from adoption.projects.visiting import Browser
token = visitor.stored(owner)
sender = f"Basic {b64encode(application_of(owner).encode()).decode()}"
Browser().post("/o/revoke_token/", {"token": token}, headers={"authorization": sender})
renewed = not visitor.accepts(token)
""",
)
ALLAUTH = Package(
    "adoption.projects.allauth_confirmation",
    "account.EmailConfirmation",
    "account_emailconfirmation",
    "key",
    "key_rotated_at",
    """
import re
from django.contrib.auth.models import User
from django.core import mail
from adoption.projects.visiting import logged_in
form = {"email": f"{owner}@example.com", "action_send": ""}
sent = len(mail.outbox)
logged_in(User.objects.get(username=owner)).post("/accounts/email/", form)
(key,) = re.findall(r"confirm-email/(\\w+)", "".join(each.body for each in mail.outbox[sent:]))
renewed = visitor.accepts(key)
""",
)
HELPDESK = Package(
    "adoption.projects.helpdesk",
    "helpdesk.Ticket",
    "helpdesk_ticket",
    "secret_key",
    "key_rotated_at",
    """
from django.contrib.auth.models import User
from helpdesk.models import Ticket
from adoption.projects.visiting import logged_in
link = visitor.stored(owner)
ticket = Ticket.objects.get(submitter_email=f"{owner}@example.com")
agent = logged_in(User.objects.create_superuser("agent"))
agent.post(f"/helpdesk/tickets/{ticket.pk}/delete/")
renewed = not visitor.accepts(link)
""",
)
OWN_USER = Package(
    "tests.projects.custom_user",
    "shop.User",
    "shop_user",
    "api_key",
    "api_key_rotated_at",
    """
from django.test import Client
before = visitor.stored(owner)
key = Client().post("/regenerate/", headers={"x-api-key": before}).json()["api_key"]
renewed = key == visitor.stored(owner) and visitor.accepts(key) and not visitor.accepts(before)
""",
    {"AUTH_USER_MODEL": "shop.User"},
)
PACKAGES = {"drf": DRF, "oauth": OAUTH, "allauth": ALLAUTH, "helpdesk": HELPDESK, "user": OWN_USER}

ROWS = 12
BEGIN = """
from importlib import import_module
from django.test.utils import setup_test_environment
setup_test_environment()
visitor = import_module("{module}.visitor").Visitor()
"""
LEAK = """
import json
leaked = {{f"l{{n}}": visitor.issue(f"l{{n}}") for n in range({rows})}}
assert visitor.accepts(leaked["l0"])
json.dump(leaked, open("leaked.json", "w"))
"""
AT_WORK = """
import json, select, sys
from django.apps import apps
from django.db import IntegrityError
from token_rotation.errors import RotationError
stale = list(apps.get_model("{model}").objects.order_by("pk")[:3])
issued = wrong = kept = 0
print("at work", flush=True)
while not select.select([sys.stdin], [], [], 0.05)[0]:
    issued += 1
    wrong += not visitor.accepts(visitor.issue(f"t{{issued}}"))
for row in stale:
    try:
        row.save()
    except (IntegrityError, RotationError):
        kept += 1
leaked = json.load(open("leaked.json"))
revived = sum(map(visitor.accepts, leaked.values()))
served = visitor.accepts(visitor.stored("l1"))
owner = "l2"
{renewal}
print("issued", issued > 3, "wrong", wrong, "revived", revived, served, renewed)
"""
AFTERWARDS = """
assert visitor.accepts(visitor.issue("afterwards"))
"""
SESSIONS = (
    "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'rotate_tokens' "
    "AND datname = current_database()"
)
SHAPE = """
SELECT string_agg(line, chr(10) ORDER BY line) FROM (
    SELECT concat_ws(' ', column_name, data_type) FROM information_schema.columns
    WHERE table_name = %s
    UNION ALL SELECT indexdef FROM pg_indexes WHERE tablename = %s
    UNION ALL SELECT tgname FROM pg_trigger WHERE tgrelid = %s::regclass AND NOT tgisinternal
) AS of_the_table (line)
"""


@pytest.mark.parametrize("package", PACKAGES.values(), ids=PACKAGES)
def test_leaked_tokens_die_while_the_package_works_and_the_guard_can_go_again(
    package: Package, tmp_path: Path, database: str, tables: Any
) -> None:
    def shell(*parts: str) -> str:
        words = {"module": package.module, "model": package.model, "rows": ROWS}
        return "".join(parts).format(**words, renewal=package.renewal)

    def ran(code: str) -> str:
        return f"shell --verbosity 0 --command {quote(code)}"

    table, column, marker = package.table, package.column, package.marker
    pending = f"SELECT count(*) FROM {table} WHERE {marker} IS NULL"
    still_valid = f"SELECT count(*) FROM leaked JOIN {table} USING ({column})"
    project = package_project(tmp_path, database, package)
    project.run_each("makemigrations shop", "migrate --verbosity 0", ran(shell(BEGIN, LEAK)))
    tables.cursor().execute(f"CREATE TABLE leaked AS SELECT {column} FROM {table}")
    shape = value(tables, SHAPE, table, table, table)

    project.models(package.models("models.py"))
    project.run("makemigrations", "shop")
    migrate = ("migrate --verbosity 0", "check --database default")
    if package.models("before.py"):  # its new code needs the new column
        project.run_each(*migrate)
    words = ("shell", "--verbosity", "0", "--command", shell(BEGIN, AT_WORK))
    work = project.start("-m", "django", *words)
    assert work.stdout is not None
    assert work.stdout.readline() == "at work\n", work.communicate()[1]
    project.run_each(*migrate)
    slow = ("rotate_tokens", "--batch-rows", "1", "--workers", "1", "--pause-seconds", "0.1")
    # However fast it is, it does not come to the end: somebody holds a leaked row.
    leaked_row = f"{column} = (SELECT min({column}) FROM leaked)"
    tables.cursor().execute(f"BEGIN; SELECT FROM {table} WHERE {leaked_row} FOR UPDATE")
    killed = project.start("-m", "django", *slow)
    until(lambda: value(tables, pending) < ROWS - 2)
    killed.kill()
    killed.communicate()
    tables.cursor().execute("ROLLBACK")
    until(lambda: value(tables, SESSIONS) == 0)
    assert value(tables, still_valid) > 0

    leaked = value(tables, f"SELECT string_agg({column}, chr(10)) FROM leaked")
    (tmp_path / "leaked.txt").write_text(f"{leaked}\n")
    said = project.run_each(
        "rotate_tokens --evidence evidence.json",
        "rotate_tokens --report --exact",
        "verify_evidence evidence.json",
        "verify_tokens leaked.txt",
    )
    assert "complete          yes" in said
    assert "none of them opens anything" in said
    answer, errors = work.communicate("\n", timeout=120)
    assert answer == "issued True wrong 0 revived 0 True True\n", errors
    assert (value(tables, pending), value(tables, still_valid)) == (0, 0)
    assert not [token for token in leaked.split() if token in said]

    project.models(package.models("before.py"))
    project.run_each(
        "makemigrations shop",
        "migrate --verbosity 0",
        "makemigrations --check",
        ran(shell(BEGIN, AFTERWARDS)),
    )
    assert value(tables, SHAPE, table, table, table) == shape
