"""Progress is a line every few seconds, however often it moves."""

from token_rotation.verification.door.tally import Tally
from token_rotation.verification.everywhere.table import Table
from token_rotation.verification.progress_lines import EVERY_SECONDS, ProgressLines


def test_a_line_comes_at_most_every_few_seconds() -> None:
    said, now = list[str](), [0.0]
    lines = ProgressLines(said.append, clock=lambda: now[0])
    table = Table("public", "t", 1, 1, 500, ())
    for second in range(int(3 * EVERY_SECONDS)):
        now[0] = float(second)
        lines.of_the_search(table, second, 500)
        lines.of_the_door(Tally(refused=second))
    assert said == [
        "Searching public.t: page 5 of 500",
        "Searching public.t: page 10 of 500",
    ]
    now[0] = 100.0
    lines.of_the_door(Tally(refused=7, open=1))
    assert said[-1] == "Tried 8: 7 refused, 1 open"
