"""The notices of this project, in the order of their declaration."""

from __future__ import annotations

from typing import TYPE_CHECKING

from token_rotation.errors import UnknownTargetError

if TYPE_CHECKING:
    from token_rotation.owners.declaration import OwnerNotice

_notices: dict[str, OwnerNotice] = {}


def register(notice: OwnerNotice) -> None:
    """Add a notice. Another declaration for the same model takes its place."""
    _notices[notice.model_label.lower()] = notice


def every_notice() -> list[OwnerNotice]:
    return list(_notices.values())


def find_notices(labels: list[str]) -> list[OwnerNotice]:
    """Return the notices of the models, each once; all for none. Raises UnknownTargetError."""
    if not _notices:
        raise UnknownTargetError("no installed model declares an OwnerNotice")
    unknown = next((each for each in labels if each.lower() not in _notices), None)
    if unknown is not None:
        known = ", ".join(each.model_label for each in every_notice())
        raise UnknownTargetError(f"no OwnerNotice is of {unknown!r}; there is: {known}")
    return [_notices[each] for each in dict.fromkeys(map(str.lower, labels))] or every_notice()
