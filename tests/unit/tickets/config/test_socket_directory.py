"""The embedded server's socket has a path that is short enough, wherever the server is."""

import tempfile
from pathlib import Path

import pytest

from tickets.config.embedded.paths import socket_directory

LONGEST_SOCKET_PATH = 107
LONG = Path("/", *["directory"] * 20)


def test_it_is_in_the_servers_own_directory_where_that_is_short_enough() -> None:
    assert socket_directory(Path("/srv/var"), 5432) == Path("/srv/var/socket")


@pytest.mark.parametrize("temporary_directory", ["/var/tmp", str(LONG)])
def test_elsewhere_it_is_short_too_even_if_the_temporary_directory_is_not(
    temporary_directory: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", temporary_directory)
    found = socket_directory(LONG, 5432)
    assert len(bytes(found / ".s.PGSQL.5432")) <= LONGEST_SOCKET_PATH
    assert found != socket_directory(LONG / "other", 5432)
