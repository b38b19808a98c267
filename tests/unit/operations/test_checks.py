"""The system checks of Celery's settings."""

from typing import Any

import pytest

from token_rotation.operations.checks import check_celery_settings


def ids() -> list[str]:
    return [message.id for message in check_celery_settings()]


def test_the_projects_own_settings_are_in_order() -> None:
    assert ids() == []


def test_the_visibility_timeout_is_longer_than_any_task(settings: Any) -> None:
    wait = 300  # the longest one before a retry
    settings.CELERY_BROKER_TRANSPORT_OPTIONS = {"visibility_timeout": 1800 + wait}
    assert "token_rotation_operations.E002" in ids()

    settings.CELERY_BROKER_TRANSPORT_OPTIONS = {"visibility_timeout": 1800 + wait + 1}
    assert ids() == []


@pytest.mark.parametrize(("soft", "hard"), [(None, 10), (10, None), (10, 10)])
def test_there_is_a_soft_limit_and_a_longer_hard_one(
    settings: Any, soft: int | None, hard: int | None
) -> None:
    settings.CELERY_TASK_SOFT_TIME_LIMIT = soft
    settings.CELERY_TASK_TIME_LIMIT = hard

    assert "token_rotation_operations.E001" in ids()


def test_what_waits_for_its_retry_is_not_reported_as_stalled(settings: Any) -> None:
    settings.OPERATIONS_STALLED_SECONDS = 360

    assert ids() == ["token_rotation_operations.E003"]


def test_a_project_without_asynchronous_work_is_not_bothered(settings: Any) -> None:
    settings.CELERY_TASK_TIME_LIMIT = None
    settings.OPERATIONS_CELERY_APP = None

    assert ids() == []
