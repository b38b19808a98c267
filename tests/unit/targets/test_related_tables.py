"""The tables of an object's parents and children, and the joins to them."""

from typing import Any

from django.db import models
from django.test.utils import isolate_apps

from token_rotation.selection.related_table import Join
from token_rotation.targets.related_tables import fields_elsewhere, related_models


def made(name: str, *bases: Any, proxy: bool = False, **fields: Any) -> Any:
    meta = type("Meta", (), {"app_label": "tickets", "proxy": proxy})
    attributes = {"__module__": __name__, "Meta": meta, **fields}
    return type(name, bases or (models.Model,), attributes)


def family() -> Any:
    above = made("Above", note=models.TextField())
    key = made("Key", above, token=models.UUIDField())
    made("Sibling", above, note_of_sibling=models.TextField())
    beside = made("Beside", number=models.AutoField(primary_key=True))
    child = made("Child", key, beside, look=models.TextField(db_column="seen"))
    made("Grandchild", made("Proxy", child, proxy=True), more=models.TextField())
    return key


@isolate_apps("tickets")
def test_each_is_joined_by_the_link_to_its_parent() -> None:
    key = family()
    above = Join("tickets_above", "id", "tickets_key", "above_ptr_id")
    child = Join("tickets_child", "key_ptr_id", "tickets_key", "above_ptr_id")
    grandchild = Join("tickets_grandchild", "child_ptr_id", "tickets_child", "key_ptr_id")
    beside = Join("tickets_beside", "number", "tickets_child", "beside_ptr_id")
    found = {model.__name__: joins for model, joins in related_models(key).items()}
    assert found == {
        "Above": (above,),
        "Child": (child,),
        "Grandchild": (child, grandchild),
        "Beside": (child, beside),
    }


@isolate_apps("tickets")
def test_fields_are_named_by_the_model_that_stores_them() -> None:
    names = set(fields_elsewhere(family()))
    assert {"tickets.Above.note", "tickets.Child.look", "tickets.Grandchild.more"} <= names
    assert not {"tickets.Key.token", "tickets.Sibling.note_of_sibling"} & names
