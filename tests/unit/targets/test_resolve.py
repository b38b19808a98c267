"""Listed values become what PostgreSQL has, or none: what cannot be found would prove nothing."""

from typing import Any

import pytest
from django.db.models import BigIntegerField, BinaryField, CharField, Field, UUIDField

from token_rotation.targets.resolve import value_reader

TOKEN = "9f8e7d6c-5b4a-4321-8765-43210fedcba9"


class Shouted(CharField):  # type: ignore[type-arg]
    """Stored in another form than Python has it."""

    def get_prep_value(self, value: Any) -> Any:
        return value.upper()


@pytest.mark.parametrize(
    ("field", "text", "value"),
    [
        (UUIDField(), TOKEN.upper(), TOKEN),
        (UUIDField(), TOKEN.replace("-", ""), TOKEN),
        (BigIntegerField(), "-007", "-7"),
        (CharField(max_length=5), "tk_aB", "tk_aB"),
        (Shouted(max_length=5), "tk_ab", "TK_AB"),
        (BinaryField(), r"\x00ff", r"\x00ff"),
    ],
)
def test_a_value_is_written_as_postgresql_writes_it(field: Field, text: str, value: str) -> None:
    assert value_reader(field)(text) == value


@pytest.mark.parametrize(
    ("field", "text"),
    [
        (UUIDField(), "classified"),
        (BigIntegerField(), "9" * 19),
        (CharField(max_length=5), "tk_abc"),
        (CharField(max_length=5), "a\0"),
        (BinaryField(), "00ff"),
        (BinaryField(), "AP8="),
        (BinaryField(), r"\x0"),
    ],
)
def test_what_is_no_value_of_the_column_is_refused(field: Field, text: str) -> None:
    with pytest.raises(ValueError, match="no "):
        value_reader(field)(text)
