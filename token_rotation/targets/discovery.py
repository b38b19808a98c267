"""Find the models that have a rotating token."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from django.apps import apps
from django.db.models import Field, Model
from django.utils.module_loading import import_string

from token_rotation.errors import TokenSourceError, UnknownTargetError
from token_rotation.selection.marked_table import MarkedTable
from token_rotation.selection.target import Target
from token_rotation.targets.absent import absent_of
from token_rotation.targets.guard_trigger import guard_trigger
from token_rotation.targets.key_references import key_references
from token_rotation.targets.labels import named
from token_rotation.targets.related_tables import fields_elsewhere, related_tables
from token_rotation.tokens.formats import TokenFormat
from token_rotation.tokens.sources import PythonTokens, SqlTokens, TokenSource
from token_rotation.triggers.base import OfAToken
from token_rotation.triggers.guard import GuardPair, guards_of
from token_rotation.triggers.guard_triggers import UpdateGuard
from token_rotation.triggers.names import Column
from token_rotation.triggers.retired import KINDS as RETIRED_KINDS
from token_rotation.triggers.retired import KeepDeleted
from token_rotation.triggers.truth_table.words import Accept


def find_targets(database: str, labels: Iterable[str] = ()) -> list[Target]:
    """Return the targets on a database alias.

    One for each guarded token column. With ``labels`` ("app.Model" or "app.Model.token_field", in
    any case), only those, each once, in the order given. Raises UnknownTargetError if there is no
    target, or none of that label. Raises TokenSourceError if a guard names a function for making
    tokens that does not exist.
    """
    targets = [target for model in apps.get_models() for target in targets_of(model, database)]
    if not targets:
        raise UnknownTargetError("no installed model has the guard triggers in Meta.triggers")
    targets = [replace(target, is_only=len(targets) == 1) for target in targets]
    chosen = {
        each.label: each
        for label in labels
        for each in named(targets, label, labels_of=_labels, kind="rotating token")
    }
    return list(chosen.values()) or targets


def target_of(model: type[Model], database: str, token: str | None = None) -> Target | None:
    """Return the target of a token field of the model.

    Without ``token``, return the model's only one. None if it has no target.

    Raises UnknownTargetError if the model has several and ``token`` names none.
    """
    pairs = list(guards_of(getattr(model._meta, "triggers", [])))
    targets = {
        pair.update.token: target
        for pair, target in zip(pairs, targets_of(model, database), strict=True)
    }
    if token is not None:
        return targets.get(token)
    if len(targets) > 1:
        raise UnknownTargetError(
            f"{model._meta.label} has several rotating tokens: {', '.join(targets)}"
        )
    return next(iter(targets.values()), None)


def targets_of(model: type[Model], database: str) -> list[Target]:
    """Return the targets of a model's guards, in their order."""
    pairs = list(guards_of(getattr(model._meta, "triggers", [])))
    targets = [_target(model, pair, database) for pair in pairs]
    if len(pairs) == 1:
        return targets
    return [
        replace(target, label=f"{target.label}.{pair.update.token}")
        for target, pair in zip(targets, pairs, strict=True)
    ]


def model_of(target: MarkedTable) -> type[Model]:
    """Return the model of a target.

    A token field's name may follow it in the label.
    """
    app_label, name = target.label.split(".")[:2]
    return apps.get_model(app_label, name)


def _labels(target: Target) -> set[str]:
    return {target.label.lower(), model_of(target)._meta.label_lower}


def _target(model: type[Model], pair: GuardPair, database: str) -> Target:
    token = _field(model, pair.update.token)
    marker = pair.update.marker
    derived = pair.update.derived
    elsewhere = fields_elsewhere(model)
    return Target(
        label=model._meta.label,
        database=database,
        table=model._meta.db_table,
        key_column=_field(model, model._meta.pk.name).column,
        token_column=token.column,
        marker_column=(marker.name if isinstance(marker, Column) else _field(model, marker).column),
        token_source=_token_source(model, pair),
        token_is_unique=token.unique or _is_constrained(model, token.name),
        guard_triggers=tuple(
            guard_trigger(
                model,
                each,
                is_new=isinstance(each, KeepDeleted) and pair.update.accept is Accept.FRESH,
            )
            for each in (*pair.triggers, *_retired_triggers(model, pair.update))
        ),
        derived=tuple(_field(model, name).column for name in derived),
        derived_sql=tuple(derived.values()),
        unrelated=tuple(
            _field(model, name).column for name in pair.update.unrelated if name not in elsewhere
        ),
        related=tuple(related_tables(model, pair.update)),
        revokes=pair.update.revokes,
        absent=absent_of(token),
        key_references=key_references(model) if token.primary_key else (),
        token_format=_token_format(pair.update),
    )


def _is_constrained(model: type[Model], token: str) -> bool:
    constraints = model._meta.total_unique_constraints
    return any(each.fields == (token,) for each in constraints)


def _token_source(model: type[Model], pair: GuardPair) -> TokenSource:
    make = pair.update.make_tokens
    if make is None:
        return SqlTokens(pair.insert.fresh_token)
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


def _token_format(update: UpdateGuard) -> TokenFormat | None:
    """Return the format of every token issued.

    None if a function of the application makes others, or the application sends its own.
    """
    is_its_own = update.make_tokens is None or update.make_tokens == getattr(
        update.token_format, "make", None
    )
    return update.token_format if is_its_own and update.accept is Accept.FRESH else None


def _retired_triggers(model: type[Model], update: UpdateGuard) -> list[OfAToken]:
    """Return the triggers that keep this token.

    Without them, replaced tokens go unrecorded.
    """
    triggers = getattr(model._meta, "triggers", [])
    kept = (each for each in triggers if isinstance(each, RETIRED_KINDS))
    return [each for each in kept if each.token == update.token]


def _field(model: type[Model], name: str) -> Field[Any, Any]:
    field = model._meta.get_field(name)
    if not isinstance(field, Field) or field.column is None:
        raise UnknownTargetError(
            f"{model._meta.label}.{name} is not stored in a column of its own, so that its tokens "
            "cannot be rotated"
        )
    return field
