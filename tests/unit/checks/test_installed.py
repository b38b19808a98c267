"""What is said of an installed version that this release does not know."""

import django
import pytest

from token_rotation.checks import installed


def ids() -> list[str | None]:
    return [message.id for message in installed.check_installed()]


def test_a_tested_django_is_as_it_should_be() -> None:
    assert ids() == []


def test_a_newer_django_than_any_tested_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    major, minor = installed.NEWEST_DJANGO
    monkeypatch.setattr(django, "VERSION", (major, minor, 9, "final", 0))
    assert ids() == []
    monkeypatch.setattr(django, "VERSION", (major, minor + 1, 0, "alpha", 0))
    assert ids() == ["token_rotation.W011"]
