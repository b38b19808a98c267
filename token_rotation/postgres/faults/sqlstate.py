"""The faults that are worth another try.

The one place that knows what an SQLSTATE means for a rotation.
Source of the codes: PostgreSQL documentation, Appendix A, "PostgreSQL Error Codes".
"""

from __future__ import annotations

from enum import Enum


class Fault(Enum):
    """The kinds of fault that a rotation tells apart."""

    LOCKED = "a row was locked for longer than the lock timeout"
    CONTENTION = "a deadlock or a serialization failure"
    TIMED_OUT = "a statement was cancelled or timed out"
    CONNECTION = "the connection was lost or refused"
    RESOURCES = "the server ran out of disk, memory or another resource"
    DUPLICATE_TOKEN = "a fresh token collided with a stored one"
    REFUSED_ROW = "a row cannot be changed as it is, and others can"
    FATAL = "not mended by trying again"


_BY_SQLSTATE = {
    "55P03": Fault.LOCKED,
    "40001": Fault.CONTENTION,
    "40P01": Fault.CONTENTION,
    "57014": Fault.TIMED_OUT,
    "25P04": Fault.TIMED_OUT,  # transaction_timeout
    "25P03": Fault.CONNECTION,  # idle_in_transaction_session_timeout: the server hung up
    "57P01": Fault.CONNECTION,
    "57P02": Fault.CONNECTION,
    "57P03": Fault.CONNECTION,
    "57P05": Fault.CONNECTION,  # idle_session_timeout
    "53000": Fault.RESOURCES,
    "53100": Fault.RESOURCES,  # disk full
    "53200": Fault.RESOURCES,  # out of memory
    "53300": Fault.CONNECTION,  # too many connections
    "25006": Fault.CONNECTION,  # read-only: this server is a standby until the fail-over is over
    "23505": Fault.DUPLICATE_TOKEN,
}

_ABOUT_ONE_ROW = {
    "20",  # CASE without a branch
    "21",  # cardinality
    "22",  # data
    "23",  # constraints
    "27",  # a trigger changed the same row
    "44",  # WITH CHECK OPTION
    "54",  # program limits, such as the size of an index row
    "P0",  # raised in PL/pgSQL
}
"""Classes of SQLSTATE, the first two characters, of errors that one row may meet and others not."""


def classify(sqlstate: str | None) -> Fault:
    """The fault that an SQLSTATE stands for.

    None is what the driver gives when there was no answer from a server at all.
    """
    if sqlstate is None or sqlstate.startswith("08"):
        return Fault.CONNECTION
    about_one_row = sqlstate[:2] in _ABOUT_ONE_ROW
    return _BY_SQLSTATE.get(sqlstate, Fault.REFUSED_ROW if about_one_row else Fault.FATAL)
