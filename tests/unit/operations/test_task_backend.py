"""What a backend of Django's Tasks framework cannot do is said before work is lost on it."""

from collections.abc import Iterator
from importlib import import_module
from typing import Any

import pytest

from tests.support.task_workers import BACKENDS, FRAMEWORK
from token_rotation.operations.actions.action import Action
from token_rotation.operations.actions.group import ActionGroup
from token_rotation.operations.actions.registry import registry
from token_rotation.operations.checks import check_celery_settings, check_task_backend
from token_rotation.operations.errors import InputError, UnavailableError
from token_rotation.operations.execution.retries import may_retry
from token_rotation.operations.queue.broker import check_countdown, ensure_broker, messages_in

QUEUES = {"QUEUES": []}
import_module(f"{FRAMEWORK}.signals")  # it hears of changed settings


class Nothing(Action):
    retry_for = (Exception,)

    def execute(self, operation: Any) -> None:
        pass


GROUP = ActionGroup("nothing", actions=[Nothing])


@pytest.fixture(autouse=True)
def _chosen(settings: Any) -> None:
    settings.OPERATIONS_TASK_BACKEND = "chosen"
    settings.TASKS = {}


def use(settings: Any, path: str, **options: Any) -> None:
    settings.TASKS = {"chosen": {"BACKEND": path, **QUEUES, **options}}


def found() -> dict[str, str]:
    """What is said, but for other tests' groups with time limits."""
    assert check_celery_settings() == []
    messages = [each for each in check_task_backend() if "time limits" not in each.msg]
    return {f"{each.id}".rpartition(".")[2]: each.msg for each in messages}


@pytest.mark.parametrize(
    ("kind", "why"),
    [("immediate.ImmediateBackend", "in the process that asks"), ("dummy.DummyBackend", "nothing")],
)
def test_a_backend_without_workers_is_refused_by_the_check_and_before_anything_is_stored(
    kind: str, why: str, settings: Any
) -> None:
    use(settings, f"{FRAMEWORK}.backends.{kind}")

    assert why in found()["E004"]
    with pytest.raises(UnavailableError, match=why):
        ensure_broker()


def test_a_backend_that_is_not_there_is_one_line() -> None:
    assert "'chosen'" in found()["E004"]
    assert "\n" not in found()["E004"]


def test_a_queue_that_the_backend_does_not_know_is_told(settings: Any) -> None:
    use(settings, BACKENDS["database"], QUEUES=["default"])
    assert "operations-default, operations-high" in found()["E005"]

    use(settings, BACKENDS["database"])
    assert found() == {}


def test_rq_must_not_end_jobs_sooner_than_an_attempt_may(settings: Any) -> None:
    queue = {"URL": "redis://127.0.0.1:1/0"}
    settings.RQ_QUEUES = dict.fromkeys(("operations-default", "operations-high"), queue)
    use(settings, BACKENDS["rq"])
    assert "after 180 s" in found()["E006"]

    queue["DEFAULT_TIMEOUT"] = -1
    assert found() == {}
    with pytest.raises(UnavailableError, match="takes no message"):
        ensure_broker()


def test_rqs_own_limit_is_a_time_limit_and_not_tried_again() -> None:
    error = import_module("rq.timeouts").JobTimeoutException()

    assert not may_retry(Nothing(), error, has_retries=True)
    assert may_retry(Nothing(), ValueError(), has_retries=True)


@pytest.fixture
def limited() -> Iterator[ActionGroup]:
    group = ActionGroup(
        "limited", actions=[Nothing], soft_time_limit_seconds=1, time_limit_seconds=2
    )
    yield registry.register(group)
    registry.remove("limited")


def test_what_a_backend_cannot_do_is_not_promised(settings: Any, limited: ActionGroup) -> None:
    """Of a backend that nobody has tried."""
    use(settings, "tests.projects.worker_actions.plain_backend.PlainBackend")

    (warning,) = check_task_backend()
    assert "no countdowns" in warning.msg
    assert "no time limits (of " in warning.msg
    assert messages_in("any") is None
    check_countdown(GROUP, 0)
    with pytest.raises(InputError, match="countdown"):
        check_countdown(GROUP, 1)
