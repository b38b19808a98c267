"""What a token's column, and the columns that derive from it, really hold.

Read from the classes of the fields and of the model.
"""

from __future__ import annotations

import dis
import inspect
import re
from collections.abc import Iterator
from types import CodeType, FunctionType
from typing import Any

from django.db.models import Field, Model

TRANSFORMING = (
    "from_db_value",
    "get_db_prep_save",
    "get_db_prep_value",
    "get_placeholder",
    "get_prep_value",
    "pre_save",
    "select_format",
)
"""Methods of a field that may store, or show, another value than the one given."""

_OWN = ("django.", "token_rotation.")
_HASH = re.compile(r"(?:^|_)(?:hash|hashed|hasher|digest|checksum)(?:_|$)")
_HASHING = re.compile(r"hash|digest|checksum|make_password|pbkdf2|bcrypt|argon|scrypt|^sha\d|^md5")


def transforming_methods(field: Field[Any, Any]) -> list[str]:
    """Return the methods with which the field's class may change a value.

    Only those that a class outside Django defines.
    """
    return [name for name in TRANSFORMING if _definition(type(field), name) is not None]


def holds_hashes(field: Field[Any, Any]) -> bool:
    """Return True if the field's name, class or validators speak of hashes.

    Also if its class, outside Django, calls a function that hashes.
    """
    if _HASH.search(_words(field.name)):
        return True
    validators = (
        each if isinstance(each, FunctionType) else type(each) for each in field.validators
    )
    named = [each for each in (type(field), *validators) if _is_foreign(each)]
    return any(_HASHING.search(_words(each.__name__)) for each in named) or any(
        _HASHING.search(called)
        for method in transforming_methods(field)
        for called in _names_in(_definition(type(field), method))
    )


def fills_itself(field: Field[Any, Any]) -> bool:
    """Return True if the field's class, outside Django, fills it when a row is saved."""
    return _definition(type(field), "pre_save") is not None


def written_by_save(model: type[Model], token: Field[Any, Any]) -> set[str]:
    """Return the attributes that a ``save()`` of the model's sets beside reading the token.

    Empty if no ``save()`` outside Django reads the token.
    """
    written: set[str] = set()
    for each in model.__mro__:
        code = _code(vars(each).get("save")) if _is_foreign(each) else None
        if code is not None and _reads(code, {token.name, token.attname}):
            instructions = dis.get_instructions(code)
            written |= {str(one.argval) for one in instructions if one.opname == "STORE_ATTR"}
    return written


def _definition(of: type, method: str) -> Any:
    """Return the method if a class outside Django defines it; else None."""
    for each in of.__mro__:
        if method in vars(each):
            return vars(each)[method] if _is_foreign(each) else None
    return None


def _is_foreign(of: type | FunctionType) -> bool:
    return of is not object and not of.__module__.startswith(_OWN)


def _code(method: Any) -> CodeType | None:
    code = getattr(inspect.unwrap(method), "__code__", None) if callable(method) else None
    return code if isinstance(code, CodeType) else None


def _names_in(method: Any) -> Iterator[str]:
    code = _code(method)
    yield from code.co_names if code is not None else ()


def _reads(code: CodeType, names: set[str]) -> bool:
    return not names.isdisjoint({*code.co_names, *map(str, code.co_consts)})


def _words(name: str) -> str:
    """Return the name in small letters, its words separated by underscores."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()
