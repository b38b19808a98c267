"""Kill a recipe part of the way, start it again, and see how long it needs to go on."""

import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from benchmark.processes.databases import Databases
from benchmark.recipes.recipe import Recipe
from benchmark.traffic.watch import Watch, watching

SecondsAt = dict[int, float | None]


def resume_seconds(
    databases: Databases,
    recipe: Recipe,
    *,
    rows: int,
    percents: Sequence[int],
    killed_again: Callable[[str, int], None] = lambda _url, _percent: None,
) -> SecondsAt:
    """For each per cent: from the start of the process until its first batch has committed.

    At 0 % that is a first start. Else the recipe is killed with SIGKILL when that part of the keys
    is rotated, and started again when the server has ended its sessions. None where it was done
    before the kill came. After the measurement it is killed once more, and `killed_again` called
    with the database's URL.
    """
    seconds: SecondsAt = dict.fromkeys(percents)
    with databases.clone(rows) as url, watching(url) as watch:
        recipe.prepare(url)
        for percent in percents:
            key = rows * percent // 100
            if key:
                with running(recipe, url) as process:
                    watch.await_rotated(key, process)
                watch.await_gone()
            seconds[percent] = resumed(recipe, url, watch, watch.next_pending(key, rows))
            killed_again(url, percent)
    return seconds


def resumed(recipe: Recipe, url: str, watch: Watch, key: int | None) -> float | None:
    """Start it, and kill it when its first batch has committed: the seconds until then.

    ``key`` is the first that is pending; None: nothing is, and there is no answer.
    """
    if key is None:
        return None
    started = time.perf_counter()
    with running(recipe, url) as process:
        resumed = watch.await_rotated(key, process)
    watch.await_gone()
    return resumed - started


@contextmanager
def running(recipe: Recipe, url: str) -> Iterator["subprocess.Popen[bytes]"]:
    """The running recipe; killed at the end of the block."""
    process = recipe.start(url)
    try:
        yield process
    finally:
        process.kill()
        process.wait()
