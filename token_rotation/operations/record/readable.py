"""Read records whose JSON Python may refuse.

An example is a number of 5,000 digits.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from django.db.models import JSONField, TextField
from django.db.models.functions import Cast

if TYPE_CHECKING:
    from token_rotation.operations.models import BatchOperation
    from token_rotation.operations.record.queryset import BatchOperationQuerySet


def readable(records: BatchOperationQuerySet) -> Iterator[BatchOperation]:
    """Yield each operation, with None for unreadable JSON.

    PostgreSQL stores such values, and Django raises where it loads the row. So the columns are
    loaded as text here, in one query.
    """
    fields = [each.name for each in records.model._meta.fields if isinstance(each, JSONField)]
    texts = {f"{name}_text": Cast(name, TextField()) for name in fields}
    for operation in records.defer(*fields).annotate(**texts).iterator():
        for name in fields:
            setattr(operation, name, _value(getattr(operation, f"{name}_text")))
        yield operation


def _value(text: str | None) -> Any:
    try:
        return None if text is None else json.loads(text)
    except (ValueError, RecursionError):
        return None
