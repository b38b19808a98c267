"""A project whose execute wrapper appends a comment to each statement adopts and rotates."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.support.leaked import value
from tests.support.project import Project

CONFIG = """
from pathlib import Path
from django.apps import AppConfig
from django.db.backends.signals import connection_created

def comment(execute, sql, *others):
    Path(__file__).with_name("commented").touch()
    return execute(sql + " /* shop */", *others)

def install(connection, **_):
    connection.execute_wrappers.append(comment)

class ShopConfig(AppConfig):
    name = "shop"

    def ready(self):
        connection_created.connect(install)
"""

BEFORE = """
class Device(models.Model):
    token = models.CharField(max_length=64, unique=True)
"""

ADOPTED = """
from token_rotation import PendingIndex, RotatedAtField, guard, hexadecimal, token_default

class Device(models.Model):
    token = models.CharField(
        max_length=64, unique=True, db_default=token_default(hexadecimal())
    )
    token_rotated_at = RotatedAtField()

    class Meta:
        indexes = [PendingIndex()]
        triggers = guard("token", "token_rotated_at", hexadecimal())
"""

ROWS = "INSERT INTO shop_device (token) SELECT 'leaked' || n FROM generate_series(1, 500) AS n"
LEAKED = "SELECT count(*) FROM shop_device JOIN leaked USING (token)"


def test_every_command_bears_a_comment_in_djangos_statements(
    tmp_path: Path, make_database: Callable[..., str], connect: Callable[[str], Any]
) -> None:
    url = make_database("zero")
    project = Project(tmp_path, url)
    (tmp_path / "shop" / "apps.py").write_text(CONFIG)
    project.models(BEFORE)
    project.run_each("makemigrations shop", "migrate")
    table = connect(url)
    table.autocommit = True
    table.cursor().execute(f"{ROWS}; CREATE TABLE leaked AS SELECT token FROM shop_device")

    project.models(ADOPTED)
    project.run_each(
        *("makemigrations shop", "migrate", "check --database default", "rotate_tokens"),
        *("rotate_tokens --report", "clean_up_tokens"),
    )

    assert (tmp_path / "shop" / "commented").exists()
    assert value(table, LEAKED) == 0
    project.run("migrate", "shop", "0001")
