"""psycopg 3 behind the names of ``driver``."""

from __future__ import annotations

from psycopg import (
    DataError,
    Error,
    InternalError,
    OperationalError,
    ProgrammingError,
    sql,
)
from psycopg.errors import Diagnostic as Diagnostics
from psycopg.errors import ObjectNotInPrerequisiteState, QueryCanceled
from psycopg.sql import SQL, Composed, Identifier, Literal

from token_rotation.postgres.driver.psycopg3.connections import (
    is_idle,
    libpq_path,
    make_own,
    notices_of,
    parameters_of,
    pointer_of,
)
from token_rotation.postgres.driver.psycopg3.errors import SQLSTATE_NAME, session_of, sqlstate_of
from token_rotation.postgres.driver.psycopg3.hooked import hook, hook_of, hooked_cursor, unhook
from token_rotation.postgres.driver.psycopg3.polled import PolledConnection
from token_rotation.postgres.driver.psycopg3.texts import (
    bound_text,
    copy_from,
    in_one_message,
    show_last_answer,
    text_of,
)

__all__ = [
    "SQL",
    "SQLSTATE_NAME",
    "Composed",
    "DataError",
    "Diagnostics",
    "Error",
    "Identifier",
    "InternalError",
    "Literal",
    "ObjectNotInPrerequisiteState",
    "OperationalError",
    "PolledConnection",
    "ProgrammingError",
    "QueryCanceled",
    "bound_text",
    "copy_from",
    "hook",
    "hook_of",
    "hooked_cursor",
    "in_one_message",
    "is_idle",
    "libpq_path",
    "make_own",
    "notices_of",
    "parameters_of",
    "pointer_of",
    "session_of",
    "show_last_answer",
    "sql",
    "sqlstate_of",
    "text_of",
    "unhook",
]
