"""Describe a declared trigger, to compare it with the database's."""

from __future__ import annotations

from functools import partial
from typing import Any, cast

import pgtrigger
from django.db.models import Model

from token_rotation.selection.target import GuardTrigger
from token_rotation.targets.definition import definition_of, earlier_definitions


def guard_trigger(
    model: type[Model], trigger: pgtrigger.Trigger, *, is_new: bool = False
) -> GuardTrigger:
    """Return what the trigger is in the database of a project that has migrated."""
    compiled = trigger.compile(cast(Any, model))
    name = trigger.get_pgid(cast(Any, model))
    return GuardTrigger(
        name=name,
        uri=f"{model._meta.label}:{trigger.name}",
        digest=compiled.hash,
        definition=definition_of(compiled),
        earlier=partial(earlier_definitions, name),
        is_new=is_new,
    )
