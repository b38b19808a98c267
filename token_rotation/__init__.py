"""Rotate a leaked token column on a live PostgreSQL table.

A reusable Django app that knows no particular model. This is its public face, together with
``token_rotation.models``, ``.admin``, ``.schema``, ``.errors``, ``.operations``, ``.jobs``,
``.intake``, ``.page``, ``.metrics``, ``.streaming``, ``.postgres`` and ``.command_line``: what
their ``__all__`` names.
Everything else is private and may change in any release.
"""

from typing import TYPE_CHECKING

from token_rotation._public import public_names

if TYPE_CHECKING:
    from token_rotation.declare.model import RotatedAtField, token_default
    from token_rotation.declare.pending_index import PendingIndex
    from token_rotation.declare.rotate_rows import rotate_rows, rotate_token
    from token_rotation.owners.declaration import OwnerNotice
    from token_rotation.owners.notice import Notice
    from token_rotation.retired.kept import is_retired, keeps_retired, recognise
    from token_rotation.security_log import SecurityJson
    from token_rotation.signals import retired_token_used, tokens_rotated
    from token_rotation.tokens.formats import (
        TokenFormat,
        characters,
        hexadecimal,
        prefixed,
        unusable,
        urlsafe,
    )
    from token_rotation.triggers.guard import guard
    from token_rotation.triggers.names import Column
    from token_rotation.triggers.retired import keep_retired
    from token_rotation.triggers.shadow.column import ShadowColumn

__version__ = "0.1.0"

__all__ = [
    "Column",
    "Notice",
    "OwnerNotice",
    "PendingIndex",
    "RotatedAtField",
    "SecurityJson",
    "ShadowColumn",
    "TokenFormat",
    "characters",
    "guard",
    "hexadecimal",
    "is_retired",
    "keep_retired",
    "keeps_retired",
    "prefixed",
    "recognise",
    "retired_token_used",
    "rotate_rows",
    "rotate_token",
    "token_default",
    "tokens_rotated",
    "unusable",
    "urlsafe",
]

if not TYPE_CHECKING:  # a type checker would take any name at all for granted
    __getattr__ = public_names(
        __name__,
        {
            "Column": "token_rotation.triggers.names",
            "Notice": "token_rotation.owners.notice",
            "OwnerNotice": "token_rotation.owners.declaration",
            "PendingIndex": "token_rotation.declare.pending_index",
            "RotatedAtField": "token_rotation.declare.model",
            "SecurityJson": "token_rotation.security_log",
            "ShadowColumn": "token_rotation.triggers.shadow.column",
            "TokenFormat": "token_rotation.tokens.formats",
            "characters": "token_rotation.tokens.formats",
            "guard": "token_rotation.triggers.guard",
            "hexadecimal": "token_rotation.tokens.formats",
            "is_retired": "token_rotation.retired.kept",
            "keep_retired": "token_rotation.triggers.retired",
            "keeps_retired": "token_rotation.retired.kept",
            "prefixed": "token_rotation.tokens.formats",
            "recognise": "token_rotation.retired.kept",
            "retired_token_used": "token_rotation.signals",
            "rotate_rows": "token_rotation.declare.rotate_rows",
            "rotate_token": "token_rotation.declare.rotate_rows",
            "token_default": "token_rotation.declare.model",
            "tokens_rotated": "token_rotation.signals",
            "unusable": "token_rotation.tokens.formats",
            "urlsafe": "token_rotation.tokens.formats",
        },
    )
