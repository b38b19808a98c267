"""A few tries at once, on one kind of fault."""

import pytest
from django.db import IntegrityError

from tests.support import driver
from token_rotation.postgres.faults.sqlstate import Fault
from token_rotation.postgres.retrying import retry_at_once


class Server:
    """Fails with each of ``sqlstates`` in turn, then answers."""

    def __init__(self, *sqlstates: str) -> None:
        self._sqlstates = list(sqlstates)
        self.tries = 0

    def ask(self) -> str:
        self.tries += 1
        if self._sqlstates:
            error = type("Refused", (driver.Error,), {driver.SQLSTATE_NAME: self._sqlstates.pop(0)})
            raise error
        return "answer"

    def ask_through_django(self) -> str:
        try:
            return self.ask()
        except driver.Error as error:
            raise IntegrityError from error


@pytest.mark.parametrize("way", ["ask", "ask_through_django"])
def test_an_action_is_run_again_at_once_on_the_fault_that_was_named_and_no_other(way: str) -> None:
    server = Server("23505", "23505")
    assert retry_at_once(getattr(server, way), on=Fault.DUPLICATE_TOKEN, tries=3) == "answer"
    server = Server("23505", "23505")
    with pytest.raises((driver.Error, IntegrityError)):
        retry_at_once(getattr(server, way), on=Fault.DUPLICATE_TOKEN, tries=2)
    assert server.tries == 2
    server = Server("40P01")
    with pytest.raises((driver.Error, IntegrityError)):
        retry_at_once(getattr(server, way), on=Fault.DUPLICATE_TOKEN, tries=3)
    assert server.tries == 1


def test_an_action_without_a_try_is_not_run() -> None:
    server = Server()
    with pytest.raises(ValueError, match="at least one try"):
        retry_at_once(server.ask, on=Fault.DUPLICATE_TOKEN, tries=0)
    assert server.tries == 0
