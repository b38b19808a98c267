"""``manage.py check``: the declarations of shadow columns. It asks no database."""

from __future__ import annotations

from typing import Any, cast

from django.apps import apps
from django.core.checks import CheckMessage, Error, Tags, register

from token_rotation.errors import UnknownTargetError
from token_rotation.triggers.shadow.compiled import compile_shadow
from token_rotation.triggers.shadow.fill_triggers import OfAShadow
from token_rotation.triggers.shadow.registry import every_shadow


@register(Tags.models)
def check_shadows(**_: Any) -> list[CheckMessage]:
    """Return one message for each ShadowColumn that cannot be used."""
    messages: list[CheckMessage] = []
    for shadow in every_shadow():
        try:
            compile_shadow(shadow)
            for model in apps.get_models():
                for each in getattr(model._meta, "triggers", []):
                    if isinstance(each, OfAShadow) and each.shadow is shadow:
                        each.compile(cast(Any, model))
        except UnknownTargetError as error:
            messages.append(Error(str(error), obj=shadow.model_label, id="token_rotation.E080"))
    return messages
