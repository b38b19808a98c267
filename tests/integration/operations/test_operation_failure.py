"""What is kept of a database error quotes no row, whatever OPERATIONS_MASK hides."""

from typing import Any

import pytest
from django.db import IntegrityError

from token_rotation.operations.failures.describe import describe
from token_rotation.operations.models import BatchOperation

pytestmark = pytest.mark.django_db(transaction=True)


def test_neither_message_nor_traceback_quotes_a_row(settings: Any) -> None:
    settings.OPERATIONS_MASK = "builtins.str"
    key = BatchOperation.objects.create_asynchronous("mail").key
    try:
        try:
            BatchOperation.objects.create(key=key, operation_type="mail", status="unprocessed")
        except IntegrityError as error:
            raise ValueError("there is one already") from error
    except ValueError as error:
        kept = describe(error)

    assert kept.message == "there is one already"
    assert kept.traceback.index("UniqueViolation") < kept.traceback.index("ValueError")
    assert "in test_neither_message_nor_traceback_quotes_a_row" in kept.traceback
    assert str(key) not in kept.traceback


def test_of_a_database_error_condition_and_objects_are_kept(settings: Any) -> None:
    settings.OPERATIONS_MASK = "builtins.str"
    key = BatchOperation.objects.create_asynchronous("mail").key
    with pytest.raises(IntegrityError) as raised:
        BatchOperation.objects.create(key=key, operation_type="mail", status="unprocessed")

    kept = describe(raised.value)

    assert "UniqueViolation (23505)" in kept.message
    assert str(key) not in kept.message
