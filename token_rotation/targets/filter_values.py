"""Read a filter's value for its field and lookups."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

from django.db.models import DateTimeField, Field, JSONField
from django.utils import timezone

from token_rotation.selection.past_time import moments_of

PLAIN_LOOKUPS = {"exact", "gt", "gte", "lt", "lte"}
LIST_LOOKUPS = {"in", "range"}
JSON_KEYS_LOOKUPS = {"has_keys", "has_any_keys"}
JSON_TEXT_LOOKUPS = {
    *("has_key", "iexact", "icontains", "startswith", "istartswith"),
    *("endswith", "iendswith", "regex", "iregex"),
}
TRUTH = {"true": True, "false": False}


def filter_value(field: Field[Any, Any], lookups: list[str], text: str) -> Any:
    """Return the value that Django must compare with.

    It comes from typed text and the lookups of a filter.

    Raises ValueError or ValidationError for text that is no such value.
    """
    lookup = lookups[-1] if lookups else "exact"
    if lookup == "isnull":
        if text.lower() not in TRUTH:
            raise ValueError("say true or false")
        return TRUTH[text.lower()]
    if lookup == "exact" and text == "null":
        return None
    if isinstance(field, JSONField):
        return _json_value(lookup, text)
    parts = [part.strip() for part in text.split(",")]
    if lookup == "range" and len(parts) != 2:
        raise ValueError("a range has two values: say FIRST,LAST")
    if len(lookups) > 1 or lookup not in PLAIN_LOOKUPS | LIST_LOOKUPS:
        # The comparison is with a transformed value, not with the field's own.
        if lookup in LIST_LOOKUPS:
            return parts
        is_number = text.isdecimal() and field.get_transform(lookups[0]) is not None
        return int(text) if is_number else text
    if lookup in LIST_LOOKUPS:
        return [_plain(field, part) for part in parts]
    return _plain(field, text)


def _json_value(lookup: str, text: str) -> Any:
    """Parse the text as JSON if it is JSON.

    The number 3 is not the string "3".
    """
    if lookup in JSON_TEXT_LOOKUPS:
        return text
    if lookup in JSON_KEYS_LOOKUPS:
        return [part.strip() for part in text.split(",")]
    if lookup in LIST_LOOKUPS:
        return [_as_json(part.strip()) for part in text.split(",")]
    return _as_json(text)


def _as_json(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text


def _plain(field: Field[Any, Any], text: str) -> Any:
    value = field.to_python(TRUTH.get(text.lower(), text) if _is_boolean(field) else text)
    if (
        isinstance(field, DateTimeField)
        and isinstance(value, datetime)
        and timezone.is_naive(value)
    ):
        return _moment(value)
    return value


def _moment(value: datetime) -> datetime:
    moments = moments_of(value, timezone.get_current_timezone())
    if len(moments) > 1:
        first, second = (moment.isoformat() for moment in moments)
        raise ValueError(f"the clocks change at that time: type {first} or {second}")
    return moments[0]


def _is_boolean(field: Field[Any, Any]) -> bool:
    return field.get_internal_type() == "BooleanField"
