"""Copies of leaked tokens that packages keep of a row's past are found, also inside JSON."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.support.leaked import value
from tests.support.project import Project

APPS = ("simple_history", "pghistory")
MODELS = """
import pghistory
from simple_history.models import HistoricalRecords
from token_rotation.models import RotatingToken

@pghistory.track()
class Order(RotatingToken):
    note = models.TextField()
    history = HistoricalRecords()

    class Meta(RotatingToken.Meta):
        pass

class Snapshot(models.Model):
    order = models.JSONField()
"""
ORDERS = """
from django.forms.models import model_to_dict
from shop.models import Order, Snapshot
for n in range(40):
    order = Order.objects.create(note=f"order {n}")
    Snapshot.objects.create(order={"links": [f"https://shop.example/o/{order.token.hex}/?n={n}"]})
"""
TOKENS = "SELECT string_agg(token::text, E'\\n') FROM shop_order"


@pytest.fixture
def database(make_database: Callable[..., str]) -> str:
    return make_database("zero")


def test_history_tables_and_snapshots_still_hold_every_token_that_was_rotated(
    tmp_path: Path, database: str, connect: Callable[[str], Any]
) -> None:
    project = Project(tmp_path, database, apps=APPS)
    project.models(MODELS)
    project.run_each(
        "makemigrations shop", "migrate --verbosity 0", f"shell --verbosity 0 --command '{ORDERS}'"
    )
    tables, leaked = connect(database), tmp_path / "leaked.txt"
    leaked.write_text(value(tables, TOKENS))

    said = project.run_each(
        "rotate_tokens --issued-before now",
        f"verify_tokens {leaked}",
        f"verify_tokens {leaked} --everywhere",
        fails_with=3,
    )
    assert "40 tokens; none of them opens anything." in said
    rows = "40 rows hold a listed token"
    # simple-history notes the row as it was created, pghistory also what an UPDATE took away.
    for place in (
        f"public.shop_historicalorder.token: {rows}.",
        f"public.shop_orderevent.token: {rows}.",
        f"public.shop_snapshot.order: {rows}, 40 of them inside longer text.",
    ):
        assert place in said, said
    assert "public.shop_order.token" not in said
    with tables.cursor() as cursor:
        cursor.execute("TRUNCATE shop_historicalorder, shop_orderevent, shop_snapshot")
    said = project.run("verify_tokens", str(leaked), "--everywhere")
    assert "No searched column holds a listed token." in said
