"""Who holds a row is named so that the operator knows what to type."""

from token_rotation.engine.result import Blocker


def test_a_session_is_named_by_its_pid_and_what_it_does() -> None:
    assert str(Blocker(42, "idle in transaction", 7.4)) == (
        "pid 42 (idle in transaction, transaction open 7 s)"
    )
    assert str(Blocker(42, None, None)) == "pid 42 (state –, transaction open –)"


def test_a_prepared_transaction_has_no_pid_and_another_way_to_end_it() -> None:
    said = str(Blocker(0, None, None))
    assert "pid 0" not in said
    assert "ROLLBACK PREPARED" in said
