"""Steps of guards become as few migrations as can be run again safely."""

from django.db.migrations.operations.base import Operation

from token_rotation.makemigrations.grouping import grouped
from token_rotation.makemigrations.steps import Place, Step
from token_rotation.schema import TogetherPolitely


class Named(Operation):
    def __init__(self, name: str) -> None:
        self.name = name


def step(model: str, place: Place, *, notice: str | None = None) -> Step:
    return Step(model, place, Named(f"{model} {place.name}"), notice)


def names(*steps: Step) -> list[list[str]]:
    """The operations of each migration."""
    found = []
    for group in grouped(steps):
        (first, *others) = group.operations
        listed = first.operations if isinstance(first, TogetherPolitely) else [first, *others]
        found.append([each.name for each in listed])
    return found


def test_two_tables_are_never_locked_together_and_all_indexes_come_last() -> None:
    steps = [
        step(model, place)
        for place in (Place.INDEX, Place.UPDATE_GUARD, Place.INSERT_GUARD, Place.MARKER)
        for model in ("key", "link")
    ]
    assert names(*steps) == [
        ["key MARKER", "key INSERT_GUARD", "key UPDATE_GUARD"],
        ["link MARKER", "link INSERT_GUARD", "link UPDATE_GUARD"],
        ["key INDEX", "link INDEX"],
    ]
    assert [group.atomic for group in grouped(steps)] == [True, True, False]


def test_what_may_take_long_locks_the_table_alone() -> None:
    steps = [
        step("key", Place.MARKER),
        step("key", Place.TOKEN_TYPE, notice="it may take long"),
        step("key", Place.INSERT_GUARD),
        step("key", Place.UPDATE_GUARD),
    ]
    assert names(*steps) == [
        ["key MARKER"],
        ["key TOKEN_TYPE"],
        ["key INSERT_GUARD", "key UPDATE_GUARD"],
    ]


def test_an_old_index_goes_when_the_new_one_is_there() -> None:
    steps = [step("key", Place.OLD_INDEX), step("key", Place.INDEX)]
    assert names(*steps) == [["key INDEX", "key OLD_INDEX"]]
