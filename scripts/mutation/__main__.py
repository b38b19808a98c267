"""Usage: scripts/mutants [--rooms NAMES] [--sample N] [--seed S] [--workers N]"""

from __future__ import annotations

import json
import math
import shlex
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from queue import Empty, SimpleQueue
from random import Random

from mutation import score
from mutation.arguments import Arguments, parse_arguments
from mutation.judge import Judge, judge
from mutation.mutants import Mutant, mutants_of, sample
from mutation.rooms import PROJECT, ConfigurationError, Rooms, read_rooms
from mutation.test_map import AT_MOST_SECONDS, TestMap, measured
from mutation.tree import commit, digests
from mutation.verdict import Equivalents, Fate, Verdict, judge_one

JUDGED, NOT_JUDGED, INTERRUPTED = 0, 1, 130
KEPT = PROJECT / "var" / "mutants"
PAGE = PROJECT / "docs" / "measurements" / "mutants.md"


def main() -> int:
    arguments = parse_arguments()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):  # servers must not stay behind
        signal.signal(number, signal.default_int_handler)
    try:
        rooms = read_rooms()
        mutants = list(_mutants(rooms, arguments))
        if arguments.list_only:
            print("\n".join(mutant.name for mutant in mutants))
            return JUDGED
        chosen = _chosen(mutants, arguments)
        print(f"{len(chosen):,} of {len(mutants):,} mutants, seed {arguments.seed}", flush=True)
        judged = commit(PROJECT)  # others may follow meanwhile
        verdicts = _judge_all(rooms, chosen, arguments)
    except (ConfigurationError, RuntimeError) as error:
        print(f"scripts/mutants: {error}", file=sys.stderr)
        return NOT_JUDGED
    except KeyboardInterrupt:
        print("scripts/mutants: interrupted; its servers are gone", file=sys.stderr)
        return INTERRUPTED
    verdicts += _noticed_before(mutants, verdicts, arguments)
    _tell(verdicts, len(mutants), judged, arguments)
    return JUDGED


def _mutants(rooms: Rooms, arguments: Arguments) -> Iterator[Mutant]:
    unknown = set(arguments.rooms) - {room.name for room in rooms.rooms}
    if unknown:
        raise ConfigurationError(f"no room is named {', '.join(sorted(unknown))}")
    for room in rooms.rooms:
        if not arguments.rooms or room.name in arguments.rooms:
            for module in room.modules:
                yield from mutants_of(PROJECT, room, module)


def _chosen(mutants: Sequence[Mutant], arguments: Arguments) -> list[Mutant]:
    if arguments.again:
        left = {key for key, fate, _ in _kept() if Fate[fate] is Fate.SURVIVED}
        return [mutant for mutant in mutants if mutant.key in left]
    if arguments.sample is None:
        return list(mutants)
    return sample(mutants, arguments.sample, arguments.seed)


def _kept() -> list[tuple[str, str, int]]:
    """The verdicts of the last run."""
    file = KEPT / "verdicts.json"
    if not file.exists():
        raise ConfigurationError("nothing was judged yet")
    return [(key, fate, tests) for key, fate, tests in json.loads(file.read_text())]


def _noticed_before(
    mutants: Sequence[Mutant], verdicts: Sequence[Verdict], arguments: Arguments
) -> list[Verdict]:
    """With ``--again`` the verdicts that nobody asked for again."""
    if not arguments.again:
        return []
    anew = {verdict.mutant.key for verdict in verdicts}
    there = {mutant.key: mutant for mutant in mutants}
    return [
        Verdict(there[key], Fate[fate], tests)
        for key, fate, tests in _kept()
        if key in there and key not in anew
    ]


def _judge_all(rooms: Rooms, chosen: Sequence[Mutant], arguments: Arguments) -> list[Verdict]:
    equivalents = Equivalents()
    verdicts = [Verdict(m, Fate.EQUIVALENT, 0) for m in chosen if m in equivalents]
    left = [m for m in chosen if m not in equivalents]
    Random(f"{arguments.seed} order").shuffle(left)
    KEPT.mkdir(parents=True, exist_ok=True)
    directory = Path(tempfile.mkdtemp(prefix="mutants-"))
    directory.chmod(0o755)
    try:
        with ExitStack() as stack:
            judges = [
                stack.enter_context(judge(PROJECT, directory / f"{number}"))
                for number in range(arguments.workers)
            ]
            test_map = _test_map(rooms, judges[0])
            verdicts += _judge_each(judges, test_map, left, arguments.minutes)
    finally:
        shutil.rmtree(directory, ignore_errors=True)
    if arguments.sample is None and not arguments.rooms and not arguments.again:
        for entry in equivalents.unused:
            print(f"no such equivalent mutant any more: {entry}")
    return verdicts


def _test_map(rooms: Rooms, one: Judge) -> TestMap:
    modules = [module for room in rooms.rooms for module in room.modules]
    files = digests(PROJECT, "token_rotation/", "tickets/", "tests/")
    tests = {name: digest for name, digest in files.items() if _is_test(rooms, name)}
    key = f"{[each for each in files.items() if not each[0].startswith('tests/')]} {modules}"
    kept = measured(KEPT / "map.json", key, tests, lambda new: one.measure(new, modules))
    test_map = TestMap(PROJECT, rooms, kept)
    for test in test_map.failing:
        print(f"fails without any change and judges nothing: {test}", flush=True)
    return test_map


def _is_test(rooms: Rooms, name: str) -> bool:
    return name.startswith(rooms.tests) and Path(name).name.startswith("test_")


def _judge_each(
    judges: Sequence[Judge], test_map: TestMap, mutants: Sequence[Mutant], minutes: float | None
) -> list[Verdict]:
    """Judge them in their order until the time is up."""
    queue: SimpleQueue[Mutant] = SimpleQueue()
    for mutant in mutants:
        queue.put(mutant)
    ends_at = math.inf if minutes is None else time.monotonic() + 60 * minutes

    def work(one: Judge) -> list[Verdict]:
        verdicts: list[Verdict] = []
        while time.monotonic() < ends_at:
            try:
                mutant = queue.get_nowait()
            except Empty:
                break
            verdicts.append(judge_one(one, test_map, mutant))
            print(f"{verdicts[-1].fate.value:<10} {mutant.name}", flush=True)
        return verdicts

    with ThreadPoolExecutor(len(judges)) as pool:
        parts = [pool.submit(work, each) for each in judges]
        try:
            return [verdict for part in parts for verdict in part.result()]
        except KeyboardInterrupt:
            while not queue.empty():
                queue.get()  # each ends after the mutant that it judges
            raise


def _tell(verdicts: Sequence[Verdict], total: int, judged: str, arguments: Arguments) -> None:
    print(score.as_text(verdicts))
    kept = [(v.mutant.key, v.fate.name, v.tests) for v in verdicts]
    score.write(KEPT / "verdicts.json", json.dumps(kept))
    score.write(KEPT / "survivors.txt", score.survivors(verdicts))
    print(f"survivors: {(KEPT / 'survivors.txt').relative_to(PROJECT)}")
    if arguments.rooms:
        return
    command = ["scripts/mutants"]
    if arguments.sample is not None:
        command += ["--sample", f"{arguments.sample}", "--seed", f"{arguments.seed}"]
    if arguments.minutes is not None:
        command += ["--minutes", f"{arguments.minutes:g}"]
    how = "" if len(verdicts) == total else ", chosen by chance"
    if arguments.again:
        command.append("--again")
        how += "; what had survived was judged again, so another sample may score less"
    text = score.page(
        verdicts,
        commit=judged,
        command=shlex.join(command),
        total=total,
        how=how,
        seconds=AT_MOST_SECONDS,
    )
    score.write(PAGE, text)


if __name__ == "__main__":
    sys.exit(main())
