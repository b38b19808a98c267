"""Settings of the intake that would leave a door shut, or a limit weak, are named."""

import sys
from typing import Any

import pytest

from tests.support.signing import Signer
from token_rotation.checks.intake import check_intake


def found() -> list[str]:
    return [str(message.id).rpartition(".")[2] for message in check_intake()]


def test_nothing_is_said_while_no_door_is_open_or_all_is_well(settings: Any) -> None:
    assert found() == []
    signer = Signer()
    settings.TOKEN_ROTATION_INTAKE_PUBLIC_KEYS = {signer.key_id: signer.pem}
    assert found() == []


def test_a_key_that_is_unfit_and_a_library_that_is_missing_are_errors(
    settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.TOKEN_ROTATION_INTAKE_PUBLIC_KEYS = {"known": "no key"}
    (message,) = check_intake()
    assert message.msg == "TOKEN_ROTATION_INTAKE_PUBLIC_KEYS: known is no public key in PEM."
    monkeypatch.setitem(sys.modules, "token_rotation.intake.partner.signature", None)
    assert found() == ["E071"]


def test_a_cache_of_each_process_is_a_warning_where_calls_are_counted(settings: Any) -> None:
    settings.CACHES = {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}}
    assert found() == []
    settings.TOKEN_ROTATION_INTAKE_BEARER = "b" * 40
    assert found() == ["W071"]
    settings.CACHES = {"default": {"BACKEND": "django.core.cache.backends.redis.RedisCache"}}
    assert found() == []
