"""What is typed for a JSON column is JSON where it is any: the number 3 is not the string "3"."""

from typing import Any

import pytest

from token_rotation.operations.models import BatchOperation
from token_rotation.targets.filters import compile_where


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("input_data__a=3", 3),
        ("input_data__a=x7", "x7"),
        ("input_data__a__gt=4.5", 4.5),
        ("input_data__a__in=3,x", 3),
        ('input_data__contains={"a": 3}', {"a": 3}),
        ("input_data__has_key=3", "3"),
        ("input_data__has_keys=a,b", ["a", "b"]),
        ("input_data__a__startswith=3", "3%"),
    ],
)
def test_json_is_compared_as_json(expression: str, value: Any) -> None:
    condition = compile_where(BatchOperation, "default", [expression])
    assert condition is not None
    # What psycopg 2 wraps a JSON value in has "adapted", psycopg 3's has "obj".
    values = [getattr(each, "adapted", getattr(each, "obj", each)) for each in condition.values]
    assert value in values
