"""The page of owners, followed by somebody else; a message that cannot be made, and a fault."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.support.documents import DOCS, python_blocks
from tests.support.project import Project

DECLARED, TELL = python_blocks(DOCS / "how-to" / "tell-owners.md")
MODELS = f"""
from django.db.models import Q
from token_rotation import OwnerNotice, PendingIndex, guard
from token_rotation.models import RotatingToken

{DECLARED}
"""
MAIL = f"""
import pathlib
from django.core.mail import EmailMessage, get_connection

{TELL}

def send(row, key, connection):
    fault = pathlib.Path("fault")
    if row.email.startswith("poison"):
        raise ValueError(f"no mail to {{row.email}} with {{row.token}}")
    if row.email.startswith("third") and fault.exists():
        fault.unlink()
        raise ConnectionResetError(f"lost while {{row.token}} was sent")
    EmailMessage("new", f"{{row.token}}", to=[row.email], headers={{"X-Key": key}}).send()
    with open("sent", "a") as sent:
        print(row.email, row.token, key, file=sent)
"""
LEAK = """
import json, pgtrigger
from shop.models import Order
with pgtrigger.ignore("shop.Order:guard_insert"):
    for name in ("first", "poison", "third", "fourth"):
        Order.objects.create(email=f"{name}@example.org")
    Order.objects.create(email=None)
Order.objects.create(email="new@example.org")
"""
STORED = """
import json
from shop.models import Order
from token_rotation.operations.models import BatchOperation
print(json.dumps({str(order.token): order.email for order in Order.objects.all()}))
print([[each.live_data, each.output_data] for each in BatchOperation.objects.all()])
"""


def test_the_page_tells_owners_in_a_new_project_and_a_failing_message_harms_no_other(
    tmp_path: Path, make_database: Callable[..., str]
) -> None:
    project = Project(tmp_path, make_database("zero"))
    project.models(MODELS)
    (tmp_path / "shop" / "mail.py").write_text(MAIL)
    with (tmp_path / "settings.py").open("a") as settings:
        settings.write('EMAIL_BACKEND = "django.core.mail.backends.dummy.EmailBackend"\n')
        settings.write('OPERATIONS_MASK = "builtins.str"\n')
    project.run_each("makemigrations shop", "migrate --verbosity 0", "makemigrations --check shop")
    project.shell(LEAK)
    project.run_each("check --database default", "rotate_tokens")
    (tmp_path / "fault").touch()

    said = project.run("notify_owners", "shop.Order", "--workers", "2", fails_with=3)

    assert "trying again: the owners cannot be told: ConnectionResetError" in said
    assert "shop.Order 2 failed: token_rotation.owners.job.NoticeError: ValueError" in said
    assert "shop.Order: 3 owners told, 0 refused" in said
    assert "4 told or new, 1 to be told, 0 refused, 0 not rotated, 1 without" in said
    orders, records = project.shell(STORED)
    tokens: dict[str, Any] = json.loads(orders)
    sent = [line.split() for line in (tmp_path / "sent").read_text().splitlines()]
    assert sorted(to for to, _, _ in sent) == [
        f"{n}@example.org" for n in ("first", "fourth", "third")
    ]
    assert all(tokens[token] == to for to, token, _ in sent)
    assert not [each for each in tokens if each in said or each in records]
    assert "@example" not in said + records
