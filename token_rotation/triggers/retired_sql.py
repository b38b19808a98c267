"""SQL that the triggers use on retired tokens.

It names functions and no table, so a release may move the table under triggers that exist.
"""

from __future__ import annotations

from token_rotation.triggers.columns import GuardedColumns

TABLE = "token_rotation_retiredtoken"
FUNCTIONS = ("token_rotation_is_retired", "token_rotation_retire")
FUNCTIONS_MIGRATION = ("token_rotation", "0002_retired_functions")
FUNCTIONS_AGAIN = ("token_rotation", "0005")
"""The migration after which another creates the functions as they are, whatever was changed."""


def is_retired(row: str, columns: GuardedColumns) -> str:
    """SQL that is true if a row's token is retired. An absent one never is."""
    return f"({columns.present(row)} AND token_rotation_is_retired({token_hash(row, columns)}))"


def retire(replaced_hash: str, source: str, columns: GuardedColumns) -> str:
    """A statement that stores a hash, unless the new token is retired itself.

    Then it fails with serialization_failure. It stores no NULL.
    """
    return (
        f"PERFORM token_rotation_retire({replaced_hash}, {source}, {hash_or_null('NEW', columns)});"
    )


def refuse_meanwhile_retired(columns: GuardedColumns) -> str:
    """A statement after the write, which fails with serialization_failure for a retired token.

    It also knows a token that was retired after the transaction took its snapshot.
    """
    return f"PERFORM token_rotation_retire(NULL, NULL, {hash_or_null('NEW', columns)});"


def retire_deleted(source: str, columns: GuardedColumns) -> str:
    """A statement that stores the hash of a deleted row's token, which is present."""
    return f"PERFORM token_rotation_retire({token_hash('OLD', columns)}, {source}, NULL);"


def hash_or_null(row: str, columns: GuardedColumns) -> str:
    """SQL that hashes a row's token; NULL for an absent one."""
    return f"(CASE WHEN {columns.present(row)} THEN {token_hash(row, columns)} END)"


def token_hash(row: str, columns: GuardedColumns) -> str:
    """SQL that hashes a row's token.

    The text is as PostgreSQL writes it; ``kept.digest`` does it in Python.
    """
    return f"sha256(convert_to({row}.{columns.token}::text, 'UTF8'))"
