"""``manage.py check``: the declarations of notices to owners. It asks no database."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, cast

from django.core.checks import CheckMessage, Error, Tags, register
from django.core.exceptions import FieldDoesNotExist, FieldError
from django.db.models import DateTimeField

from token_rotation.jobs.collection.secret_keys import is_key_a_token
from token_rotation.owners.declaration import OwnerNotice
from token_rotation.owners.registry import every_notice
from token_rotation.owners.triggers import OfANotice


@register(Tags.models)
def check_notices(**_: Any) -> list[CheckMessage]:
    """Return one message for each OwnerNotice that cannot be used."""
    return [
        Error(
            f"the OwnerNotice of {notice.model_label} cannot be used: {reason}",
            obj=notice.model_label,
            id="token_rotation.E081",
        )
        for notice in every_notice()
        for reason in _first(_faults(notice))
    ]


def _first(reasons: Iterator[str]) -> list[str]:
    try:
        return [*reasons][:1]
    except (FieldDoesNotExist, FieldError, ImportError, LookupError) as error:
        return [" ".join(str(error).split())]


def _faults(notice: OwnerNotice) -> Iterator[str]:
    meta, markers = notice.model._meta, (notice.marker, notice.refused)
    for name in (notice.rotated, *markers):
        field: Any = meta.get_field(name)
        if not isinstance(field, DateTimeField) or field.model is not notice.model:
            yield f"{name} is no DateTimeField of its table"
        elif not field.null:
            yield f"{name} needs null=True"
        elif name in markers and not field.editable:
            yield f"{name} has editable=False, so migrations take it for the marker of a token"
    notice.rows("default").filter(notice.pending)
    if not callable(cast(object, notice.tell)):
        yield "tell is no function"
    listed = cast(list[Any], getattr(meta, "triggers", []))
    if sum(isinstance(each, OfANotice) and each.notice is notice for each in listed) != len(
        notice.triggers
    ):
        yield "Meta.triggers lacks its triggers"
    if is_key_a_token(notice.model):
        yield "the primary key is the token, which no record may hold"
