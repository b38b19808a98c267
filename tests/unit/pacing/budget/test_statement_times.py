"""What a rotation adds to the mean time of others' statements."""

import pytest

from token_rotation.pacing.budget.statement_times import StatementTimes, Totals

ONE, OTHER, OWN = 1, 2, 3


class Server:
    """Statements run, and are read after each interval of a second."""

    def __init__(self) -> None:
        self.now = 0.0
        self.times = StatementTimes(rest_seconds=30, beside_seconds=6, longest_rest_seconds=1)
        self.totals: dict[int, Totals] = {}
        self.read(at_rest=False)

    def read(self, *, at_rest: bool, **ran: tuple[int, float]) -> None:
        """Statements ran so often, and took so many seconds each."""
        for name, (calls, seconds_each) in ran.items():
            number = {"one": ONE, "other": OTHER, "own": OWN}[name]
            before = self.totals.get(number, Totals(0, 0))
            more = calls * seconds_each
            self.totals[number] = Totals(before.calls + calls, before.seconds + more)
        self.now += 1
        self.times.read(self.now, dict(self.totals), at_rest=at_rest)

    @property
    def added_seconds(self) -> float | None:
        return self.times.added_seconds(self.now)


@pytest.fixture
def server() -> Server:
    server = Server()
    server.read(at_rest=False, one=(1, 0.001), other=(1, 0.01), own=(1, 1))
    return server


def test_it_is_the_difference_of_the_mean_times(server: Server) -> None:
    server.read(at_rest=True, one=(100, 0.001))
    server.read(at_rest=False, one=(300, 0.003))
    assert server.added_seconds == pytest.approx(0.002)


def test_another_mixture_of_statements_adds_nothing(server: Server) -> None:
    server.read(at_rest=True, one=(100, 0.001), other=(10, 0.01))
    server.read(at_rest=False, one=(10, 0.001), other=(100, 0.01))
    assert server.added_seconds == pytest.approx(0)


def test_a_statement_that_runs_only_beside_the_rotation_counts_nothing(server: Server) -> None:
    """As those of the rotation do."""
    server.read(at_rest=True, one=(100, 0.001))
    server.read(at_rest=False, one=(100, 0.001), own=(500, 1.0))
    assert server.added_seconds == pytest.approx(0)


@pytest.mark.parametrize(("at_rest", "beside"), [(49, 500), (500, 49), (0, 0)])
def test_of_few_statements_nothing_is_known(server: Server, at_rest: int, beside: int) -> None:
    server.read(at_rest=True, one=(at_rest, 0.001))
    server.read(at_rest=False, one=(beside, 0.9))
    assert server.added_seconds is None


def test_what_was_reset_between_two_readings_is_left_out(server: Server) -> None:
    server.read(at_rest=True, one=(100, 0.001))
    server.read(at_rest=False, one=(100, 0.001))
    server.totals.clear()
    server.read(at_rest=False, one=(3, 0.5))
    assert server.added_seconds == pytest.approx(0)


def test_a_statement_that_ran_only_a_few_times_at_rest_counts_nothing(server: Server) -> None:
    server.read(at_rest=True, one=(100, 0.001), own=(7, 0.001))
    server.read(at_rest=False, one=(100, 0.001), own=(100, 0.5))
    assert server.added_seconds == pytest.approx(0)


def test_a_rest_that_lasted_too_long_was_none(server: Server) -> None:
    server.now += 0.5
    server.read(at_rest=True, one=(100, 0.001))
    server.read(at_rest=False, one=(100, 0.9))
    assert server.added_seconds is None


def test_after_a_change_what_has_run_since_is_awaited_where_something_was_known(
    server: Server,
) -> None:
    server.times.clear_beside(server.now)
    assert not server.times.is_awaited(server.now), "nothing was known"
    server.read(at_rest=False)
    server.read(at_rest=True, one=(100, 0.001))
    server.read(at_rest=False, one=(100, 0.9))
    assert server.added_seconds == pytest.approx(0.899)

    server.times.clear_beside(server.now)

    assert server.added_seconds is None
    assert server.times.begins_anew
    assert server.times.is_awaited(server.now)
    server.read(at_rest=False, one=(100, 0.9))
    assert server.times.is_awaited(server.now), "this reading ends no interval"
    assert not server.times.is_awaited(server.now + 5), "it is not read any more"
    server.read(at_rest=False, one=(100, 0.004))
    assert not server.times.is_awaited(server.now)
    assert server.added_seconds == pytest.approx(0.003)


def test_what_is_old_counts_no_more(server: Server) -> None:
    server.read(at_rest=True, one=(100, 0.001))
    server.read(at_rest=False, one=(100, 0.9))
    server.now += 6
    server.read(at_rest=False, one=(100, 0.001))
    assert server.added_seconds == pytest.approx(0)
    server.now += 30
    server.read(at_rest=False, one=(100, 0.001))
    assert server.added_seconds is None, "no rest is known"
