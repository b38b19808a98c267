"""Declarations say what a column holds, and what derives from the token, or are refused by name."""

import ast
import hashlib
import re
from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.hashers import make_password
from django.core.checks import CheckMessage
from django.db import models
from django.test.utils import isolate_apps

from token_rotation import RotatedAtField, guard, keep_retired, unusable, urlsafe
from token_rotation.checks.derived import stored_value_messages
from token_rotation.triggers.guard import guards_of

SHA256 = "encode(sha256(convert_to({token}, 'UTF8')), 'hex')"


class Reversed(models.CharField):
    def get_prep_value(self, value: Any) -> Any:
        return value[::-1]


class Digested(models.CharField):
    def pre_save(self, instance: Any, add: Any) -> Any:
        return hashlib.sha256(instance.token.encode()).hexdigest()


class Hashed(models.CharField):
    def pre_save(self, instance: Any, add: Any) -> Any:
        return make_password(getattr(instance, self.attname))


class Stamped(models.DateTimeField):
    def pre_save(self, instance: Any, add: Any) -> Any:
        return super().pre_save(instance, add)


class Owner(models.ForeignKey):
    def pre_save(self, instance: Any, add: Any) -> Any:
        return super().pre_save(instance, add)


class Flag(models.BooleanField):
    def pre_save(self, instance: Any, add: Any) -> Any:
        return super().pre_save(instance, add)


class Key(models.UUIDField):
    def pre_save(self, instance: Any, add: Any) -> Any:
        return super().pre_save(instance, add)


class Sha256Field(models.CharField):
    pass


def is_hexadecimal_hash(value: str) -> None:
    """A validator of one's own."""


def said(
    token: Any = None,
    triggers: list[Any] | None = None,
    **others: Any,
) -> dict[str, str]:
    """Each message's id, with its sentence; for a model with these fields besides."""
    found = messages(token, triggers, **others)
    return {str(each.id).removeprefix("token_rotation."): each.msg for each in found}


def messages(
    token: Any = None, triggers: list[Any] | None = None, **others: Any
) -> list[CheckMessage]:
    meta = type("Meta", (), {"app_label": "tickets", "triggers": triggers or guard()})
    attributes = {
        "__module__": __name__,
        "Meta": meta,
        "token": token or models.CharField(max_length=64),
        "token_rotated_at": RotatedAtField(),
        "title": models.CharField(max_length=20),
        **others,
    }
    with isolate_apps("tickets"):
        model: Any = type("Key", (models.Model,), attributes)
    (pair,) = guards_of(model._meta.triggers)
    name = pair.update.token
    return list(stored_value_messages(model, model._meta.get_field(name), pair))


def test_plain_fields_need_no_declaration() -> None:
    assert said() == {}
    assert said(created_at=models.DateTimeField(auto_now_add=True)) == {}
    assert said(owner=models.ForeignKey("tickets.Ticket", on_delete=models.CASCADE)) == {}


def test_a_class_that_changes_values_is_refused_unless_it_is_declared_to_store_them_plainly() -> (
    None
):
    messages = said(Reversed(max_length=64))
    assert list(messages) == ["E045"]
    assert f"{__name__}.Reversed defines get_prep_value" in messages["E045"]
    assert said(Reversed(max_length=64), guard(stores_plain=True)) == {}


@pytest.mark.parametrize(
    "field",
    [
        Hashed(max_length=128),
        Sha256Field(max_length=64),
        models.CharField(max_length=64, validators=[is_hexadecimal_hash]),
    ],
)
def test_a_class_or_a_validator_that_speaks_of_hashes_is_refused(
    field: Any,
) -> None:
    assert list(said(field)) == ["E048"]
    assert said(field.clone(), guard(stores_plain=True)) == {}


@pytest.mark.parametrize("name", ["hashed_key", "key_hash", "digest"])
def test_a_name_that_speaks_of_hashes_is_refused(name: str) -> None:
    field = {name: models.CharField(max_length=64)}
    assert list(said(None, guard(name), **field)) == ["E048"]
    again = {name: models.CharField(max_length=64)}
    assert said(None, guard(name, stores_plain=True), **again) == {}


def test_hashes_are_revoked_where_new_ones_are_taken_as_sent_and_replaced_ones_kept() -> None:
    revoking = {"fresh_token": unusable(), "accept": "sent"}
    assert list(said(Hashed(max_length=128), guard(fresh_token=unusable()))) == ["E049"]
    assert list(said(Hashed(max_length=128), guard(**revoking))) == ["E049"]
    kept = [*guard(**revoking), *keep_retired()]
    assert said(Hashed(max_length=128), kept) == {}
    assert list(said(Reversed(max_length=64), [*guard(**revoking), *keep_retired()])) == ["E045"]
    assert not urlsafe().is_unusable


SELF_FILLING: dict[str, Callable[[], Any]] = {
    "a text": lambda: Digested(max_length=64),
    "a date and time": lambda: Stamped(null=True),
    "a boolean": lambda: Flag(default=False),
    "a relation": lambda: Owner("tickets.Ticket", on_delete=models.CASCADE),
    "the primary key": lambda: Key(primary_key=True),
}


@pytest.mark.parametrize("make", SELF_FILLING.values(), ids=SELF_FILLING)
def test_a_field_that_fills_itself_needs_a_declaration(make: Callable[[], Any]) -> None:
    found = said(other=make())
    assert list(found) == ["E046"]
    assert f"may derive from token: other ({__name__}.{type(make()).__name__})" in found["E046"]
    assert said(triggers=guard(derived={"other": None}), other=make()) == {}


def test_the_sql_of_a_field_that_fills_itself_is_a_declaration() -> None:
    assert said(triggers=guard(derived={"other": SHA256}), other=Digested(max_length=64)) == {}


def test_what_the_hint_says_can_be_pasted_and_keeps_what_was_declared() -> None:
    fields = {name.replace(" ", "_"): make for name, make in SELF_FILLING.items()}
    made = {name: make() for name, make in fields.items()}
    before = {"title": SHA256, "a_boolean": None}
    (message,) = messages(triggers=guard(derived=before), **made)
    (pasted,) = re.findall(r"derived=(\{.*?\})\.", message.hint or "")
    derived = ast.literal_eval(pasted)
    assert derived == {**before, **dict.fromkeys(fields)}
    assert said(triggers=guard(derived=derived), **{name: fields[name]() for name in fields}) == {}


@pytest.mark.parametrize(
    ("derived", "reason"),
    [
        ({"nothing": SHA256}, "no other field"),
        ({"token": SHA256}, "no other field"),
        ({"token_rotated_at": "{token}"}, "no other field"),
        ({"title": "'constant'"}, "does not contain {token}"),
        ({"id": "{token}"}, "primary key"),
        ({"ticket": "{token}"}, "relation"),
        ({"lower": "{token}"}, "computes itself"),
    ],
)
def test_a_declaration_that_cannot_be_carried_out_is_refused(
    derived: dict[str, str], reason: str
) -> None:
    messages = said(
        triggers=guard(derived=derived),
        ticket=models.ForeignKey("tickets.Ticket", on_delete=models.CASCADE),
        lower=models.GeneratedField(
            expression=models.functions.Lower("token"),
            output_field=models.CharField(max_length=64),
            db_persist=True,
        ),
    )
    assert list(messages) == ["E047"]
    assert reason in messages["E047"]


def test_a_save_that_reads_the_token_and_sets_another_field_is_a_warning() -> None:
    def save(self: Any, *args: Any, **kwargs: Any) -> None:
        self.title = self.token[:8]

    messages = said(save=save)
    assert list(messages) == ["W045"]
    assert "reads token and sets title" in messages["W045"]
    assert said(triggers=guard(derived={"title": "left({token}, 8)"}), save=save) == {}


def test_a_save_that_only_issues_the_token_is_none() -> None:
    def save(self: Any, *args: Any, **kwargs: Any) -> None:
        self.token = self.token or "made"
        self.other = 1

    assert said(save=save) == {}


CHILD_LABEL = "tickets.Child.look"


def in_a_family(
    derived: dict[str, str | None] | None = None,
    *,
    look: Callable[[], Any] = lambda: Digested(max_length=64),
    of: tuple[str, ...] = ("Child",),
    save: Any = None,
) -> dict[str, CheckMessage]:
    """The messages of a model with the token, whose relatives ``of`` have a field ``look``."""

    def made(name: str, *bases: Any, **attributes: Any) -> Any:
        meta = attributes.pop("meta", {})
        if name in of:
            attributes["look"] = look()
        return type(
            name,
            bases or (models.Model,),
            {
                "__module__": __name__,
                "Meta": type("Meta", (), {"app_label": "tickets", **meta}),
                **attributes,
            },
        )

    with isolate_apps("tickets"):
        grandparent = made("Grandparent")
        parent = made("Parent", grandparent)
        made("Sibling", parent)
        key = made(
            "Key",
            parent,
            meta={"triggers": guard(derived=derived)},
            token=models.CharField(max_length=64),
            token_rotated_at=RotatedAtField(),
        )
        beside = made("Beside", number=models.AutoField(primary_key=True))
        proxy = made("Proxy", key, meta={"proxy": True})
        child = made("Child", proxy, **({"save": save} if save else {}))
        made("Grandchild", child)
        made("Both", key, beside)
        (pair,) = guards_of(key._meta.triggers)
        found = list(stored_value_messages(key, key._meta.get_field("token"), pair))
    return {str(each.id).removeprefix("token_rotation."): each for each in found}


@pytest.mark.parametrize("name", ["Grandparent", "Parent", "Child", "Grandchild", "Both", "Beside"])
def test_a_field_of_another_table_of_the_same_object_needs_a_declaration(name: str) -> None:
    found = in_a_family(of=(name,))
    assert list(found) == ["E046"]
    assert f"may derive from token: tickets.{name}.look ({__name__}.Digested)" in found["E046"].msg
    assert f"It cannot keep tickets.{name}.look of another table in step" in (
        found["E046"].hint or ""
    )
    (pasted,) = re.findall(r"derived=(\{.*?\})\.", found["E046"].hint or "")
    assert ast.literal_eval(pasted) == {f"tickets.{name}.look": None}
    assert in_a_family(ast.literal_eval(pasted), of=(name,)) == {}


def test_a_field_of_other_objects_needs_none() -> None:
    assert in_a_family(of=("Sibling",)) == {}
    assert in_a_family(look=lambda: models.CharField(max_length=64)) == {}


@pytest.mark.parametrize(
    ("name", "sql", "reason"),
    [
        (CHILD_LABEL, SHA256, "another table"),
        ("look", None, "no other field"),
        ("Child.look", None, "no other field"),
        ("tickets.Child.nothing", None, "no other field"),
        ("tickets.Key.token", None, "no other field"),
    ],
)
def test_no_other_name_and_no_sql_declares_it(name: str, sql: str | None, reason: str) -> None:
    found = in_a_family({CHILD_LABEL: None, name: sql})
    assert list(found) == ["E047"]
    assert reason in found["E047"].msg


def test_a_save_of_a_child_that_reads_the_token_is_a_warning() -> None:
    def save(self: Any, *args: Any, **kwargs: Any) -> None:
        self.look = self.token[:8]

    plain: Any = lambda: models.CharField(max_length=64)  # noqa: E731
    found = in_a_family(look=plain, save=save)
    assert list(found) == ["W045"]
    assert "reads token and sets tickets.Child.look" in found["W045"].msg
    assert in_a_family({CHILD_LABEL: None}, look=plain, save=save) == {}
