"""Which fault an SQLSTATE stands for."""

import pytest

from token_rotation.postgres.faults.sqlstate import Fault, classify


@pytest.mark.parametrize(
    ("sqlstate", "fault"),
    [
        ("55P03", Fault.LOCKED),
        ("40P01", Fault.CONTENTION),
        ("40001", Fault.CONTENTION),
        ("57014", Fault.TIMED_OUT),
        ("57P01", Fault.CONNECTION),
        ("57P03", Fault.CONNECTION),
        ("08006", Fault.CONNECTION),
        ("53300", Fault.CONNECTION),
        (None, Fault.CONNECTION),
        ("23505", Fault.DUPLICATE_TOKEN),
        ("42501", Fault.FATAL),
        ("22P02", Fault.REFUSED_ROW),
        ("23502", Fault.REFUSED_ROW),
        ("23503", Fault.REFUSED_ROW),
        ("23514", Fault.REFUSED_ROW),
        ("23P01", Fault.REFUSED_ROW),
        ("20000", Fault.REFUSED_ROW),
        ("21000", Fault.REFUSED_ROW),
        ("27000", Fault.REFUSED_ROW),
        ("44000", Fault.REFUSED_ROW),
        ("54000", Fault.REFUSED_ROW),
        ("P0001", Fault.REFUSED_ROW),
        ("42P01", Fault.FATAL),
        ("55000", Fault.FATAL),
        ("53100", Fault.RESOURCES),
        ("53200", Fault.RESOURCES),
        ("53400", Fault.FATAL),
        ("XX001", Fault.FATAL),
    ],
)
def test_sqlstate_decides_the_fault(sqlstate: str | None, fault: Fault) -> None:
    assert classify(sqlstate) is fault
