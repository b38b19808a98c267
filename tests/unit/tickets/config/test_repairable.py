"""Which database errors are one line, and which keep their traceback."""

from django.db import OperationalError

from tests.support import driver
from tests.support.driver import errors
from tickets.config.repairable import is_connection_failure


def caused_by(cause: Exception) -> OperationalError:
    error = OperationalError("message")
    error.__cause__ = cause
    return error


def test_a_failed_connection_has_no_sqlstate() -> None:
    assert is_connection_failure(caused_by(driver.OperationalError("refused")))


def test_a_refused_statement_is_no_connection_failure() -> None:
    class Refused(errors.LockNotAvailable):
        pgcode = sqlstate = "55P03"

    assert not is_connection_failure(caused_by(Refused("lock timeout")))
