"""The shadow columns of this project, in the order of their declaration."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from token_rotation.triggers.shadow.column import ShadowColumn

_shadows: dict[tuple[str, str], ShadowColumn] = {}


def register(shadow: ShadowColumn) -> None:
    """Add a shadow column. Another declaration of the same marker takes its place."""
    _shadows[shadow.model_label.lower(), shadow.marker] = shadow


def every_shadow() -> list[ShadowColumn]:
    return list(_shadows.values())
