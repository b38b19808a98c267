"""Checks of columns that do not hold the token itself.

Columns that hold a changed or hashed token, and columns that derive from it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.core.checks import CheckMessage, Error, Warning  # noqa: A004
from django.db.models import Field, GeneratedField, Model

from token_rotation.targets.related_tables import fields_elsewhere, qualified
from token_rotation.targets.stored_values import (
    fills_itself,
    holds_hashes,
    transforming_methods,
    written_by_save,
)
from token_rotation.triggers.guard import GuardPair
from token_rotation.triggers.guard_triggers import UpdateGuard
from token_rotation.triggers.retired import RefuseRetired
from token_rotation.triggers.truth_table.words import Accept

HOW_TO = "docs/how-to/derived-columns.md says more."
DIGEST = "encode(sha256(convert_to({token}::text, 'UTF8')), 'hex')"
PLAIN = f"If it stores each value as it is given, declare guard(..., stores_plain=True). {HOW_TO}"
REVOKE = (
    "To make every stored hash match nothing, declare guard(..., fresh_token=unusable(), "
    "accept='sent') and keep_retired(). If it holds the tokens themselves, declare "
    f"stores_plain=True. {HOW_TO}"
)


def stored_value_messages(
    model: type[Model], token: Field[Any, Any], pair: GuardPair
) -> Iterator[CheckMessage]:
    """Yield a message for each column that a rotation would leave wrong."""
    yield from _of_token(model, token, pair)
    marker = str(pair.update.marker)
    others = [
        field
        for field in token.model._meta.local_concrete_fields
        if field.name not in {token.name, marker}
    ]
    known = {**{field.name: field for field in others}, **fields_elsewhere(token.model)}
    yield from _of_declaration(model, pair.update, known)
    declared = {*pair.update.derived, *pair.update.unrelated}
    undeclared = {name: field for name, field in known.items() if name not in declared}
    filling = {name: field for name, field in undeclared.items() if fills_itself(field)}
    if filling:
        yield _undeclared(model, token, pair.update, filling)
    written = {each: written_by_save(each, token) for each in (model, *_children(token.model))}
    names = {
        name
        for name, field in undeclared.items()
        if any(
            field.name in of_save
            for each, of_save in written.items()
            if field in each._meta.concrete_fields
        )
    }
    if names:
        yield Warning(
            f"The save() of the model reads {token.name} and sets {', '.join(sorted(names))}, "
            "which a rotation does not do.",
            hint=f"If a value derives from {token.name}, declare it: guard(..., derived=...), with "
            f"None instead of SQL if it does not. {HOW_TO}",
            obj=model,
            id="token_rotation.W045",
        )


def _undeclared(
    model: type[Model],
    token: Field[Any, Any],
    update: UpdateGuard,
    fields: dict[str, Field[Any, Any]],
) -> Error:
    kinds = ", ".join(
        f"{name} ({type(field).__module__}.{type(field).__qualname__})"
        for name, field in fields.items()
    )
    whole: dict[str, str | None] = {
        **update.derived,
        **dict.fromkeys(update.unrelated),
        **dict.fromkeys(fields),
    }
    elsewhere = [name for name in fields if "." in name]
    move = (
        f"It cannot keep {', '.join(elsewhere)} of another table in step: move what derives from "
        f"{token.name} to {token.model._meta.label}. "
    )
    return Error(
        f"These fields may derive from {token.name}: {kinds}. Their classes fill them when a row "
        "is saved, which a rotation does not do.",
        hint=f"If none of them derives from {token.name}, paste into its guard(): derived={whole}. "
        f"For one that does, write its SQL with {{token}} instead of None, such as {DIGEST!r}. "
        f"{move if elsewhere else ''}{HOW_TO}",
        obj=model,
        id="token_rotation.E046",
    )


def _of_token(
    model: type[Model], token: Field[Any, Any], pair: GuardPair
) -> Iterator[CheckMessage]:
    if pair.update.revokes:
        yield from _of_revocation(model, token, pair)
        return
    if pair.update.stores_plain:
        return
    kind = f"{type(token).__module__}.{type(token).__qualname__}"
    methods = ", ".join(transforming_methods(token))
    if holds_hashes(token):
        yield Error(
            f"{token.name} seems to hold hashes, by its name or its class {kind}. Nobody can know "
            "the secret of a fresh hash.",
            hint=REVOKE,
            obj=model,
            id="token_rotation.E048",
        )
    elif methods:
        yield Error(
            f"{token.name} may hold other values than its tokens: its class {kind} defines "
            f"{methods}. A rotation would write plain tokens, and no leaked token can be looked up "
            "in the column.",
            hint=PLAIN,
            obj=model,
            id="token_rotation.E045",
        )


def _of_revocation(
    model: type[Model], token: Field[Any, Any], pair: GuardPair
) -> Iterator[CheckMessage]:
    listed = getattr(model._meta, "triggers", [])
    keeps = any(isinstance(each, RefuseRetired) and each.token == token.name for each in listed)
    if pair.update.accept is not Accept.SENT or not keeps:
        yield Error(
            f"The guard of {token.name} would give new rows an unusable value too.",
            hint=REVOKE,
            obj=model,
            id="token_rotation.E049",
        )
    elif not holds_hashes(token) and transforming_methods(token) and not pair.update.stores_plain:
        yield Error(
            f"{token.name} holds no hashes as far as is known, and its class may read an unusable "
            "value as something else.",
            hint=PLAIN,
            obj=model,
            id="token_rotation.E045",
        )


def _of_declaration(
    model: type[Model], update: UpdateGuard, known: dict[str, Field[Any, Any]]
) -> Iterator[CheckMessage]:
    declared: dict[str, str | None] = {**dict.fromkeys(update.unrelated), **update.derived}
    for name, expression in declared.items():
        wrong = _wrong_with(name, known.get(name), expression)
        if wrong is not None:
            yield Error(
                f"derived names {name}, {wrong}.", hint=HOW_TO, obj=model, id="token_rotation.E047"
            )


def _wrong_with(name: str, field: Field[Any, Any] | None, expression: str | None) -> str | None:
    if field is None:
        return "which is no other field of the token's table, nor one of a parent or child by label"
    if expression is None:
        return None
    if name == qualified(field):
        return "which is in another table, so that no SQL can keep it in step"
    if "{token}" not in expression:
        return "whose SQL does not contain {token}"
    if field.primary_key:
        return "which is the primary key: whatever refers to a row would lose it"
    if isinstance(field, GeneratedField):
        return "which PostgreSQL computes itself: leave it out"
    return "which is a relation" if field.is_relation else None


def _children(model: type[Model]) -> Iterator[type[Model]]:
    """Yield every model whose save() writes rows of the table, also proxies."""
    for each in model._meta.apps.get_models():
        if issubclass(each, model) and each is not model:
            yield each
