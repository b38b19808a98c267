"""Paths of an embedded server's files and of its socket."""

import hashlib
import os
import tempfile
from pathlib import Path

from tickets.config.embedded.errors import ClusterError

_SOCKET_PATH_LIMIT = 107  # bytes, of sockaddr_un.sun_path
# pg_ctl writes the path into a shell command; a comma separates hosts in a libpq URL.
_UNUSABLE = frozenset('"$`\\\n\r,')


def refuse_unusable(directory: Path) -> None:
    """Raise ClusterError if PostgreSQL cannot work in ``directory``.

    The message is one line. PostgreSQL's programs are what must work there.
    """
    text = str(directory)
    # Lone surrogates stand for bytes that are not UTF-8: libpq's URLs cannot hold them.
    if _UNUSABLE & set(text) or text.encode(errors="ignore") != os.fsencode(directory):
        raise ClusterError(
            f"PostgreSQL cannot run in {text!a}: the path must not have a double quote, comma,"
            " dollar sign, backtick, backslash, line break or bytes that are not UTF-8;"
            " nothing has been started: set TICKETS_VAR_DIR to another directory"
        )


def socket_directory(directory: Path, port: int) -> Path:
    """Return directory/socket, or a short path.

    The path is short if that of the socket is too long for libpq.
    """
    name = f"postgres-{hashlib.sha256(bytes(directory)).hexdigest()[:16]}"
    wanted = directory / "socket"
    for short in (wanted, Path(tempfile.gettempdir()) / name):
        if len(bytes(short / f".s.PGSQL.{port}")) <= _SOCKET_PATH_LIMIT:
            return short
    return Path("/tmp") / name  # noqa: S108  (its owner is checked before use)
