"""SQL that knows a row again that moves to another partition.

A DELETE in a transaction notes digests of the row's key and token, and its marker, in a setting of
that transaction. PostgreSQL moves one row at a time, so the next INSERT is that row's.
"""

from __future__ import annotations

import hashlib

from token_rotation.triggers.columns import GuardedColumns
from token_rotation.triggers.retired_sql import token_hash

SETTING = "token_rotation.moved"
_NO_TOKEN = "repeat('-', 64)"


def remember_move(columns: GuardedColumns) -> str:
    """Body of the BEFORE DELETE trigger."""
    return f"PERFORM set_config('{_setting(columns)}', {_row('OLD', columns)}, true); RETURN OLD;"


def forget_move(columns: GuardedColumns) -> str:
    """A statement that makes the setting forget the row."""
    return f"PERFORM set_config('{_setting(columns)}', '', true);"


def is_moved(columns: GuardedColumns) -> str:
    """SQL that is true if the row was just deleted as it is.

    Its marker may have become NULL, which asks for a rotation.
    """
    row, noted = _row("NEW", columns), _noted(columns)
    return f"{noted} = {row} OR (NEW.{columns.marker} IS NULL AND left({noted}, 128) = {row})"


def replaced_in_a_move(columns: GuardedColumns) -> tuple[str, str]:
    """SQL that is true if a moving row got another token, and SQL of the old one's hash."""
    noted = _noted(columns)
    old = f"substr({noted}, 65, 64)"
    new = f"coalesce({_token('NEW', columns)}, '')"
    is_same_row = f"left({noted}, 64) = {_key('NEW', columns)}"
    return f"{is_same_row} AND {old} NOT IN ({_NO_TOKEN}, {new})", f"decode({old}, 'hex')"


def is_elsewhere(columns: GuardedColumns) -> str:
    """SQL that is true if a deleted row is in another partition now, as ``is_moved`` knows it.

    A row that was inserted instead has a marker of its own.
    """
    same = " AND ".join(f"stored.{each} = OLD.{each}" for each in (columns.key, columns.token))
    marker = f"stored.{columns.marker}"
    is_kept = f"{marker} IS NULL OR {marker} = OLD.{columns.marker}"
    return f"EXISTS (SELECT FROM {columns.table} AS stored WHERE {same} AND ({is_kept}))"


def _setting(columns: GuardedColumns) -> str:
    """Name of the setting; a row may have several tokens."""
    return f"{SETTING}_{hashlib.sha256(columns.token.encode()).hexdigest()[:8]}"


def _noted(columns: GuardedColumns) -> str:
    return f"coalesce(current_setting('{_setting(columns)}', true), '')"


def _row(row: str, columns: GuardedColumns) -> str:
    marker = f"coalesce({row}.{columns.marker}::text, '')"
    return f"{_key(row, columns)} || {_token(row, columns)} || {marker}"


def _key(row: str, columns: GuardedColumns) -> str:
    return f"encode(sha256(convert_to({row}.{columns.key}::text, 'UTF8')), 'hex')"


def _token(row: str, columns: GuardedColumns) -> str:
    # In parentheses: in an IF of PL/pgSQL the first THEN outside of any ends the condition.
    digest = f"encode({token_hash(row, columns)}, 'hex')"
    return f"(CASE WHEN {columns.present(row)} THEN {digest} ELSE {_NO_TOKEN} END)"
