"""What the guard's SQL says of a token column holds for each value that may stand there."""

from typing import Any

import pytest
from django.db import models
from django.test.utils import isolate_apps

from token_rotation.triggers.columns import GuardedColumns, columns_of

VALUES = [None, "", "a"]


class Inet(models.GenericIPAddressField):
    """A type of the database's own, which Django does not know for text."""


def of(field: "models.Field[Any, Any]", *constraints: models.BaseConstraint) -> GuardedColumns:
    class Meta:
        app_label = "tickets"
        db_table = "key s"

    Meta.constraints = list(constraints)  # type: ignore[attr-defined]
    marker: models.DateTimeField[Any, Any] = models.DateTimeField(null=True)
    body = {"__module__": __name__, "Meta": Meta, "token": field, "rotated_at": marker}
    with isolate_apps("tickets"):
        model: Any = type("Key", (models.Model,), body)
        return columns_of(model, "token", "rotated_at")


def holds(tickets: Any, term: str, token: object, type_: str = "text") -> Any:
    with tickets.cursor() as cursor:
        cursor.execute(
            f"SELECT {term} FROM (VALUES (%s::{type_}, 0)) AS stored (token, id)", (token,)
        )
        ((answer,),) = cursor.fetchall()
        return answer


def change(tickets: Any, columns: GuardedColumns, old: object, new: object, type_: str) -> Any:
    with tickets.cursor() as cursor:
        cursor.execute(
            f"SELECT {columns.differs} FROM (VALUES (%s::{type_}, 0)) AS old (token, id), "
            f"(VALUES (%s::{type_}, 0)) AS new (token, id)",
            (old, new),
        )
        ((answer,),) = cursor.fetchall()
        return answer


def test_names_are_quoted() -> None:
    columns = of(models.TextField())
    assert (columns.table, columns.key, columns.token, columns.marker) == (
        '"key s"',
        '"id"',
        '"token"',
        '"rotated_at"',
    )


@pytest.mark.parametrize(
    "field", [models.TextField, models.CharField, models.SlugField, models.EmailField]
)
def test_a_text_is_absent_when_it_is_empty_or_null(tickets: Any, field: Any) -> None:
    columns = of(field(max_length=9))
    assert columns.may_be_absent
    for value in VALUES:
        assert holds(tickets, columns.absent("stored"), value) is (value != "a")
        assert holds(tickets, columns.present("stored"), value) is (value == "a")
    for old in VALUES:
        for new in VALUES:
            differs = (old or "") != (new or "")
            assert change(tickets, columns, old, new, "text") is differs


@pytest.mark.parametrize(
    ("field", "type_", "one", "two"),
    [
        (models.UUIDField, "uuid", "0" * 31 + "1", "0" * 31 + "2"),
        (models.BigIntegerField, "bigint", 1, 2),
        (models.IntegerField, "int", 1, 2),
        (models.PositiveIntegerField, "int", 1, 2),
        (models.PositiveBigIntegerField, "bigint", 1, 2),
        (models.BinaryField, "bytea", b"", b"a"),
    ],
)
def test_what_is_no_text_is_absent_when_it_is_null(
    tickets: Any, field: Any, type_: str, one: object, two: object
) -> None:
    columns = of(field(blank=True))
    assert (columns.as_text, columns.may_be_absent, columns.may_be_empty) == (None, False, False)
    assert columns.allowed_absent("stored") is None
    assert of(field(null=True)).may_be_absent
    for value in (None, one, two):
        assert holds(tickets, columns.absent("stored"), value, type_) is (value is None)
        assert holds(tickets, columns.present("stored"), value, type_) is (value is not None)
    for old in (None, one, two):
        for new in (None, one, two):
            assert change(tickets, columns, old, new, type_) is (old != new)


def test_a_type_that_is_not_known_is_compared_by_its_text(tickets: Any) -> None:
    columns = of(Inet())
    assert columns.as_text == "::text"
    for value in (None, "10.0.0.1"):
        assert holds(tickets, columns.absent("stored"), value, "inet") is (value is None)
        assert change(tickets, columns, value, "10.0.0.2", "inet") is True
        assert change(tickets, columns, value, value, "inet") is False


@pytest.mark.parametrize("null", [False, True])
@pytest.mark.parametrize("blank", [False, True])
def test_the_field_says_which_absent_token_it_allows(
    tickets: Any, *, null: bool, blank: bool
) -> None:
    columns = of(models.TextField(null=null, blank=blank))
    assert (columns.may_be_null, columns.may_be_empty) == (null, blank)
    allowed = columns.allowed_absent("stored")
    if allowed is None:
        assert (null, blank) == (False, False)
        return
    assert holds(tickets, f"({allowed}) IS TRUE", None) is null
    assert holds(tickets, f"({allowed}) IS TRUE", "") is blank
    assert holds(tickets, f"({allowed}) IS TRUE", "a") is False


def test_a_token_is_unique_by_its_field_or_by_a_constraint_of_its_own_that_holds_at_once() -> None:
    def constraint(*fields: str, **options: Any) -> models.UniqueConstraint:
        return models.UniqueConstraint(fields=fields, name="u", **options)

    later, where = models.Deferrable.DEFERRED, models.Q(token__gt="a")
    assert of(models.TextField(unique=True)).is_unique
    assert of(models.TextField(), constraint("token")).is_unique
    assert of(models.TextField(), constraint("token"), _other("rotated_at")).is_unique
    assert not of(models.TextField()).is_unique
    assert not of(models.TextField(), constraint("rotated_at")).is_unique
    assert not of(models.TextField(), constraint("token", "rotated_at")).is_unique
    assert not of(models.TextField(), constraint("token", deferrable=later)).is_unique
    assert not of(models.TextField(), constraint("token", condition=where)).is_unique


def _other(*fields: str) -> models.UniqueConstraint:
    return models.UniqueConstraint(fields=fields, name="other")
