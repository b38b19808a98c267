"""A client cannot choose the address that it is known by."""

from typing import Any

import pytest
from django.test import RequestFactory

from tickets.lookup_limit.client_address import client_address


@pytest.mark.parametrize(
    ("proxies", "peer", "forwarded_for", "expected"),
    [
        (0, "203.0.113.7", None, "203.0.113.7"),
        (0, "203.0.113.7", "198.51.100.1", "203.0.113.7"),
        (1, "10.0.0.1", "203.0.113.7", "203.0.113.7"),
        (1, "10.0.0.1", "198.51.100.1, 203.0.113.7", "203.0.113.7"),
        (2, "10.0.0.1", "198.51.100.1, 203.0.113.7, 10.0.0.2", "203.0.113.7"),
        (1, "10.0.0.1", "203.0.113.7:50123", "203.0.113.7"),
        (1, "10.0.0.1", "[2001:db8:1:2:3:4:5:6]:50123", "2001:db8:1:2::/64"),
        (0, "2001:db8:1:2:3:4:5:6", None, "2001:db8:1:2::/64"),
        (0, "2001:db8:1:2::9", None, "2001:db8:1:2::/64"),
        (0, "::ffff:203.0.113.7", None, "203.0.113.7"),
        (1, "10.0.0.1", None, None),
        (2, "10.0.0.1", "203.0.113.7", None),
        (1, "10.0.0.1", "unknown", None),
        (1, "10.0.0.1", "[", None),
        (0, "", None, None),  # a Unix socket
    ],
)
def test_only_what_trusted_proxies_have_written_counts(
    settings: Any, proxies: int, peer: str, forwarded_for: str | None, expected: str | None
) -> None:
    settings.TRUSTED_PROXIES = proxies
    headers = {} if forwarded_for is None else {"x-forwarded-for": forwarded_for}
    request = RequestFactory(REMOTE_ADDR=peer).get("/", headers=headers)

    assert client_address(request) == expected
