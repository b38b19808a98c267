"""Leaked tickets with requesters, and a mail server of their own."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.mail_server import MailServer
from tests.support.manage import Manage
from tests.support.requesters import Requesters


@pytest.fixture
def mail_server(tmp_path: Path) -> Iterator[MailServer]:
    server = MailServer(tmp_path)
    server.start()
    yield server
    server.stop()


@pytest.fixture
def requesters(
    manage: Manage, database_url: str, connect: Callable[[str], Any], mail_server: MailServer
) -> Requesters:
    return Requesters(manage, database_url, connect(database_url), mail_server)
