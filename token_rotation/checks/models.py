"""``manage.py check``: the declarations of models with a rotating token.

It asks no database.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from django.apps import AppConfig, apps
from django.core.checks import CheckMessage, Error, Tags, Warning, register  # noqa: A004
from django.core.exceptions import FieldDoesNotExist
from django.db.models import CompositePrimaryKey, Field, Model

from token_rotation.checks.columns import column_obstacles, table_obstacles, too_short
from token_rotation.checks.derived import stored_value_messages
from token_rotation.checks.key_tokens import key_token_obstacles
from token_rotation.declare.model import RotatingToken, has_db_default
from token_rotation.declare.pending_index import pending_rows
from token_rotation.inspection.time_zone import zone_that_repeats_hours
from token_rotation.selection.target import EVERY_ROW_HAS_A_TOKEN
from token_rotation.targets.absent import absent_of
from token_rotation.triggers.guard import GuardPair, guards_of
from token_rotation.triggers.guard_triggers import InsertGuard
from token_rotation.triggers.names import Column
from token_rotation.triggers.retired import KeepMoved, KeepRetired

META = "Let its class Meta inherit from RotatingToken.Meta."
ADOPT = "docs/adopt/index.md shows a whole model."


@register(Tags.models)
def check_models(app_configs: Sequence[AppConfig] | None = None, **_: Any) -> list[CheckMessage]:
    """Return one message for each mistake in the models.

    The models are those of the given apps; None: all apps.
    """
    chosen = app_configs if app_configs is not None else apps.get_app_configs()
    models = [model for app in chosen for model in app.get_models()]
    messages = [message for model in models for message in _of_model(model)]
    zone = zone_that_repeats_hours()
    if zone is not None and any(_guards_of(model) for model in models):
        messages.append(
            Error(
                f"USE_TZ is False and TIME_ZONE is {zone}, whose clocks change. In the hour that "
                "is repeated, a stale save() could bring a leaked token back.",
                hint="Set USE_TZ = True, or a TIME_ZONE whose clocks never change, such as UTC.",
                id="token_rotation.E040",
            )
        )
    return messages


def _guards_of(model: type[Model]) -> list[GuardPair]:
    return list(guards_of(getattr(model._meta, "triggers", [])))


def _of_model(model: type[Model]) -> Iterator[CheckMessage]:
    pairs = _guards_of(model)
    own = {field.name for field in model._meta.local_fields}  # not those of a parent's table
    guarded = {pair.update.token for pair in pairs}
    if issubclass(model, RotatingToken) and "token" in own - guarded:
        yield Error("Its token has no guard.", hint=META, obj=model, id="token_rotation.E010")
    if pairs and isinstance(model._meta.pk, CompositePrimaryKey):
        yield Error(
            "A rotating token needs a primary key of one column.",
            obj=model,
            id="token_rotation.E011",
        )
    if pairs:
        yield from (_obstacle(model, sentence) for sentence in table_obstacles(model))
    markers = [str(pair.update.marker) for pair in pairs]
    if len(set(markers)) < len(markers):
        yield Error(
            "Two rotating tokens share a marker.", hint=ADOPT, obj=model, id="token_rotation.E012"
        )
    for pair in pairs:
        yield from _of_guard(model, pair)


def _of_guard(model: type[Model], pair: GuardPair) -> Iterator[CheckMessage]:
    if pair.insert.marker != pair.update.marker:
        yield _wrong(model, "The two triggers of its guard name different markers.")
        return
    token = _field(model, pair.update.token)
    if token is None:
        yield _wrong(model, f"Its guard names the token {pair.update.token}, which is no field.")
        return
    sentences = (*column_obstacles(model, token), *key_token_obstacles(model, token, pair))
    obstacles = [_obstacle(model, sentence) for sentence in sentences]
    if obstacles:
        yield from obstacles
        return
    yield from _of_moving_rows(model, pair)
    yield from _of_fresh_tokens(model, token, pair.insert)
    yield from stored_value_messages(model, token, pair)
    if not isinstance(pair.update.marker, Column):
        yield from _of_marker(model, token, pair.update.marker)


def _of_moving_rows(model: type[Model], pair: GuardPair) -> Iterator[CheckMessage]:
    listed = getattr(model._meta, "triggers", [])
    kept = {type(each) for each in listed if getattr(each, "token", None) == pair.update.token}
    if KeepRetired in kept and pair.insert.partitioned != (KeepMoved in kept):
        yield Error(
            f"guard() and keep_retired() of {pair.update.token} disagree about partitions: a token "
            "that is replaced while its row moves would not be kept.",
            hint="Declare partitioned=True in both, or in neither.",
            obj=model,
            id="token_rotation.E020",
        )


def _of_fresh_tokens(
    model: type[Model], token: Field[Any, Any], insert: InsertGuard
) -> Iterator[CheckMessage]:
    if "SELECT" in insert.fresh_token.upper():
        yield Warning(
            f"The expression for fresh tokens of {token.name} has a subquery. One that depends on "
            "no row gives all rows of a batch the same token.",
            obj=model,
            id="token_rotation.W010",
        )
    shortage = too_short(token, insert)
    if shortage is not None:
        yield Error(shortage, hint=ADOPT, obj=model, id="token_rotation.E018")


def _of_marker(model: type[Model], token: Field[Any, Any], name: str) -> Iterator[CheckMessage]:
    marker = _field(model, name)
    if marker is None or marker.get_internal_type() != "DateTimeField" or not marker.null:
        yield _wrong(model, f"Its guard names the marker {name}, which is no RotatedAtField.")
        return
    # A row without a token is created without one: a default would issue one.
    issued = (marker,) if absent_of(token) != EVERY_ROW_HAS_A_TOKEN else (token, marker)
    for field in issued:
        if not has_db_default(field):
            yield Error(
                f"{field.name} has no db_default: create() would return another value than the "
                "guard stores.",
                hint=ADOPT,
                obj=model,
                id="token_rotation.E014",
            )
    if has_db_default(marker) and marker.db_default is not None:
        yield Error(
            f"{marker.name} has a db_default that is not None: a fixture without a marker sets it "
            "to its default, which would claim a rotation and let a leaked token in.",
            hint="Use RotatedAtField().",
            obj=model,
            id="token_rotation.E019",
        )
    if not _has_pending_index(model, marker.name, token):
        yield Error(
            f"Its class Meta has no PendingIndex({marker.name!r}) among its indexes.",
            hint=ADOPT,
            obj=model,
            id="token_rotation.E015",
        )


def _obstacle(model: type[Model], sentence: str) -> Error:
    return Error(sentence, obj=model, id="token_rotation.E017")


def _wrong(model: type[Model], sentence: str) -> Error:
    return Error(sentence, hint=ADOPT, obj=model, id="token_rotation.E013")


def _field(model: type[Model], name: str) -> Field[Any, Any] | None:
    try:
        found = model._meta.get_field(name)
    except FieldDoesNotExist:
        return None
    return found if isinstance(found, Field) else None


def _has_pending_index(model: type[Model], marker: str, token: Field[Any, Any]) -> bool:
    # One that holds the rows without a token as well serves, too.
    conditions = (pending_rows(marker), pending_rows(marker, token.name, absent_of(token)))
    return any(
        index.condition in conditions and index.fields == [model._meta.pk.name]
        for index in model._meta.indexes
    )
