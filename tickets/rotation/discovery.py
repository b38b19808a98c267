"""Which models have a rotating token."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, cast

from django.apps import apps
from django.db.models import Field, Model
from django.utils.module_loading import import_string

from tickets.rotation.errors import TokenSourceError, UnknownTargetError
from tickets.rotation.guard import InsertGuard, UpdateGuard
from tickets.rotation.retired_guard import KeepRetired, RefuseRetired
from tickets.rotation.target import GuardTrigger, Target
from tickets.rotation.token_source import PythonTokens, SqlTokens, TokenSource


def find_targets(database: str) -> list[Target]:
    """The targets on a database alias, one for each model with both guards.

    Raises UnknownTargetError when no installed model has them, TokenSourceError when the
    function that one of them names for making tokens is not there.
    """
    targets = [
        target for model in apps.get_models() if (target := target_of(model, database)) is not None
    ]
    if not targets:
        raise UnknownTargetError("no installed model has the guard triggers in Meta.triggers")
    return targets


def target_of(model: type[Model], database: str) -> Target | None:
    """The target that a model's guards describe; None for a model without them."""
    triggers = getattr(model._meta, "triggers", [])
    insert = next((each for each in triggers if isinstance(each, InsertGuard)), None)
    update = next((each for each in triggers if isinstance(each, UpdateGuard)), None)
    if insert is None or update is None:
        return None
    token, marker = _field(model, update.token), _field(model, update.marker)
    return Target(
        label=model._meta.label,
        database=database,
        table=model._meta.db_table,
        key_column=_field(model, model._meta.pk.name).column,
        token_column=token.column,
        marker_column=marker.column,
        token_source=_token_source(model, insert, update),
        token_is_unique=token.unique,
        guard_triggers=tuple(
            _guard_trigger(model, each)
            for each in (insert, update, *_retired_triggers(triggers, update))
        ),
    )


def _token_source(model: type[Model], insert: InsertGuard, update: UpdateGuard) -> TokenSource:
    make = update.make_tokens
    if make is None:
        return SqlTokens(insert.fresh_token)
    if isinstance(make, str):
        try:
            make = import_string(make)
        except ImportError as error:
            raise TokenSourceError(
                f"{model._meta.label}: make_tokens of its guard names no function: {error}"
            ) from None
    if not callable(make):
        raise TokenSourceError(
            f"{model._meta.label}: make_tokens of its guard is of type {type(make).__name__}, "
            "not a function"
        )
    return PythonTokens(make)


def _retired_triggers(
    triggers: Iterable[object], update: UpdateGuard
) -> list[RefuseRetired | KeepRetired]:
    """Those for the same token: a rotation without them would leave tokens unrecorded."""
    kinds = (RefuseRetired, KeepRetired)
    return [each for each in triggers if isinstance(each, kinds) and each.token == update.token]


def _guard_trigger(
    model: type[Model], trigger: InsertGuard | UpdateGuard | RefuseRetired | KeepRetired
) -> GuardTrigger:
    return GuardTrigger(
        name=trigger.get_pgid(cast(Any, model)),
        uri=f"{model._meta.label}:{trigger.name}",
        digest=trigger.compile(cast(Any, model)).hash,
    )


def _field(model: type[Model], name: str) -> Field[Any, Any]:
    field = model._meta.get_field(name)
    if not isinstance(field, Field):
        raise TypeError(f"{model._meta.label}.{name} is not stored in a column of its own")
    return field
