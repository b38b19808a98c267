"""Compare evidence with the database as it is now.

Pure.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from token_rotation import wording
from token_rotation.operations.stored_output import read_object

Values = Mapping[str, Any]


def differences(then: Values, now: Values) -> Iterator[str]:
    """Yield a line for each difference that makes the evidence doubtful.

    ``then`` is an entry of an evidence file, ``now`` what ``looked_up`` returns. More or fewer rows
    are no difference: traffic adds and removes them.
    """
    for name in ("table", "token_column"):
        if then.get(name) != now.get(name):
            yield f"the {name.replace('_', ' ')} was {then.get(name)}, and is {now.get(name)}"
    before, after = (read_object(each.get("completeness")) for each in (then, now))
    if then.get("selection_complete") is not True:
        why = before.get("not_read_because")
        yield "the evidence itself does not say complete" + (f": {why}" if why else "")
    yield from _of_the_server(before, after)
    yield from _of_the_relations(before, after)
    yield from _of_the_rows(before, after)
    yield from _of_the_guard(then, now)
    retired = now.get("rows_with_a_retired_token")
    if retired:
        yield f"{wording.things(retired, 'row')} now with a token that was retired"


def _of_the_server(then: Values, now: Values) -> Iterator[str]:
    if "not_read_because" in now or "not_read_because" in then:
        return
    for name, meaning in (
        ("system_identifier", "it is another cluster, restored or set up anew"),
        ("timeline", "a standby was promoted, or a backup was restored"),
        ("database", "it is another database"),
    ):
        words = name.replace("_", " ")
        if then.get(name) is None and now.get(name) is not None:
            yield f"the evidence names no {words}, so it may be of another server"
        elif now.get(name) not in {None, then.get(name)}:
            yield f"the {words} was {then[name]}, and is {now[name]}: {meaning}"
    was, is_now = (_lsn(each.get("wal_position_before")) for each in (then, now))
    if was is not None and is_now is not None and is_now < was:
        yield (
            f"the WAL ends at {now['wal_position_before']}, and the evidence was read at "
            f"{then['wal_position_before']}: the server is in an older state"
        )
    if now.get("is_standby") or now.get("is_read_only"):
        yield "this server is a standby or allows only reading: ask the primary"


def _of_the_relations(then: Values, now: Values) -> Iterator[str]:
    if "not_read_because" in now or "relations" not in then:
        return
    before, after = (_oids(each) for each in (then, now))
    for name in sorted(before.keys() | after.keys()):
        if name not in after:
            yield f"{name} was a part of the table, and is none"
        elif name not in before:
            yield f"{name} is a part of the table that the evidence does not know"
        elif before[name] != after[name]:
            yield f"{name} was dropped and created again since"


def _of_the_rows(then: Values, now: Values) -> Iterator[str]:
    if "not_read_because" in now:
        yield f"not verified now: {now['not_read_because']}"
        return
    was, pending = then.get("pending_rows"), now.get("pending_rows")
    for writer in now.get("open_writers") or ():
        yield f"not verified now: {writer} may commit a leaked token: wait for its end"
    if pending:
        verb = "is" if pending == 1 else "are"
        yield f"{wording.things(pending, 'row')} {verb} pending now, {wording.count(was)} then"
    for index in now.get("damaged_indexes") or ():
        yield f"the index {index} lacks pending rows: REINDEX INDEX CONCURRENTLY {index}"


def _of_the_guard(then: Values, now: Values) -> Iterator[str]:
    before, after = (read_object(each.get("guard")) for each in (then, now))
    was, states = (read_object(each.get("triggers")) for each in (before, after))
    for trigger in sorted(was.keys() | states.keys()):
        if was.get(trigger) != states.get(trigger):
            yield (
                f"the trigger {trigger} was {was.get(trigger, 'unknown')}, and is "
                f"{states.get(trigger, 'not of the model')}"
            )
    if not after.get("holds") and was == states:
        yield "the guard does not hold, then as now"
    known = set(before.get("problems") or ())
    yield from (f"the guard: {each}" for each in after.get("problems") or () if each not in known)


def _oids(values: Values) -> dict[str, Any]:
    found = values.get("relations")
    each = (read_object(one) for one in found) if isinstance(found, list) else ()
    return {str(one.get("name")): one.get("oid") for one in each}


def _lsn(text: Any) -> int | None:
    try:
        high, low = str(text).split("/")
        return (int(high, 16) << 32) + int(low, 16)
    except ValueError:
        return None
