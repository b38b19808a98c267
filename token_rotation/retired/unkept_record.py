"""The record that replaced tokens of a target are not all kept.

The table itself does not show it later, and ``unkept_tokens`` asks for the record.
"""

from __future__ import annotations

from django.db import transaction

from token_rotation.inspection.columns.unkept_tokens import named
from token_rotation.operations.models import BatchOperation
from token_rotation.postgres.reading import reading
from token_rotation.selection.target import Target
from token_rotation.sql import records as records_sql
from token_rotation.sql.records import UNKEPT


def leave_record(target: Target) -> None:
    """Leave the record, once. It also names the table's oid, which outlives other names.

    Raises Django's DatabaseError, and RotationError where the table cannot be asked.
    """
    records = BatchOperation.objects.using(target.database)
    with transaction.atomic(target.database):
        if records.filter(operation_type=UNKEPT, input_data__contains=named(target)).exists():
            return
        with reading(target.database) as connection:
            oid = connection.value(records_sql.oid(), {"table": target.table})
        input_data = {**named(target), "relation": oid}
        operation = records.create_synchronous(UNKEPT, input_data=input_data)
        operation.finish(failed=False, output_data=None)
