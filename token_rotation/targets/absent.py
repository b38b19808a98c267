"""What a token field's column may hold in place of a token."""

from __future__ import annotations

from typing import Any

from django.db.models import CharField, Field, TextField

from token_rotation.selection.target import Absent

_TEXT = {"CharField", "TextField"}


def absent_of(token: Field[Any, Any]) -> Absent:
    """Return the values of a field that are no token.

    NULL if the field may be NULL. '' in a text field that may be blank or NULL: an application that
    takes tokens away writes either.
    """
    is_text = isinstance(token, CharField | TextField) or token.get_internal_type() in _TEXT
    return Absent(nullable=token.null, text=is_text and (token.blank or token.null))
