"""Conditions and function bodies of a shadow column's triggers, in SQL.

The expressions are written over the row's table. A subquery of the new row with that name stands
in for it. Migrations hold these texts, so a changed text is another migration for every project.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from token_rotation.errors import UnknownTargetError
from token_rotation.selection.selection import Condition
from token_rotation.triggers.shadow.compiled import CompiledShadow
from token_rotation.triggers.shadow.postgresql import postgresql


def insert_body(shadow: CompiledShadow) -> str:
    """Body of the BEFORE INSERT trigger."""
    return f"{_fill(shadow)} RETURN NEW;"


def update_condition(shadow: CompiledShadow) -> str:
    """Condition of the BEFORE UPDATE trigger: a source, a filled column or the marker changes."""
    return f"({_differs(shadow, marker=True)})"


def update_body(shadow: CompiledShadow) -> str:
    """Body of the BEFORE UPDATE trigger.

    The fill itself passes, and so does who asks for a row to be filled again.
    """
    marker = quoted(shadow.marker)
    return (
        f"IF current_setting('token_rotation.filling', true) = {_literal(_name(shadow))} "
        f"OR (NEW.{marker} IS NULL AND NOT ({_differs(shadow, marker=False)})) "
        f"THEN RETURN NEW; END IF; {_fill(shadow)} RETURN NEW;"
    )


def source_body(shadow: CompiledShadow, key: str, column: str) -> str:
    """Body of the AFTER trigger of a source, whose ``column`` refers to ``key`` of the shadow.

    It locks the row first: the values that the next statement reads are no older than the lock.
    """
    old, new = (f"{row}.{quoted(column)}" for row in ("OLD", "NEW"))
    table, key = quoted(shadow.table), quoted(key)
    rows = f"WHERE {key} IN ({old}, {new})"
    unchanged = "TG_OP = 'UPDATE' AND OLD.* IS NOT DISTINCT FROM NEW.*"
    refill = f"{table} SET {quoted(shadow.marker)} = clock_timestamp() {rows}"
    return (
        f"IF {unchanged} THEN RETURN NULL; END IF; "
        f"PERFORM FROM {table} {rows} ORDER BY {key} FOR NO KEY UPDATE; "
        f"UPDATE {refill}; RETURN NULL;"
    )


def quoted(name: str) -> str:
    return '"{}"'.format(name.replace('"', '""'))


def _fill(shadow: CompiledShadow) -> str:
    row = f"(SELECT NEW.*) AS {quoted(shadow.table)}"
    columns = ", ".join(f"NEW.{quoted(column)}" for column in shadow.values)
    values = ", ".join(_inlined(value) for value in shadow.values.values())
    marker = f"NEW.{quoted(shadow.marker)}"
    values = f"SELECT {values} INTO {columns}"
    fill = f"{values} FROM {row}; {marker} := clock_timestamp();"
    if shadow.pending is None:
        return fill
    wanted = f"EXISTS (SELECT FROM {row} WHERE {_inlined(shadow.pending)})"
    return f"IF {wanted} THEN {fill} ELSE {marker} := NULL; END IF;"


def _differs(shadow: CompiledShadow, *, marker: bool) -> str:
    columns: Iterable[str] = (*shadow.sources, *shadow.values)
    return " OR ".join(_changes([*columns, shadow.marker] if marker else columns))


def _changes(columns: Iterable[str]) -> Iterator[str]:
    for column in columns:
        yield f"NEW.{quoted(column)} IS DISTINCT FROM OLD.{quoted(column)}"


def _name(shadow: CompiledShadow) -> str:
    return f"{shadow.table}.{shadow.marker}"


def _inlined(condition: Condition) -> str:
    """The SQL with its values as literals. Raises UnknownTargetError if a body cannot hold it."""
    text: str = condition.text % tuple(_literal(value) for value in condition.values)
    if "$$" in text:
        raise UnknownTargetError("the SQL of a ShadowColumn cannot hold $$")
    return text


def _literal(value: object) -> str:
    literal = str(postgresql().schema_editor().quote_value(value))
    return literal.replace("%%", "%") if isinstance(value, str) else literal
