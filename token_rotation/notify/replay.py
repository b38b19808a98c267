"""Send ``tokens_rotated`` again for recent tokens.

They are those of rows whose token was issued since a time.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial

from token_rotation import wording
from token_rotation.command_line.signal_handlers import stop_on_signal
from token_rotation.errors import AbortedError, RotationError
from token_rotation.events import Event, Retrying, Waiting
from token_rotation.inspection.key_order import check_key_order, check_order_of_all_keys
from token_rotation.notify.announcements import announce, has_listeners
from token_rotation.postgres import statements
from token_rotation.postgres.backoff import Backoff
from token_rotation.postgres.connection import Connection
from token_rotation.postgres.retrying import RetryLoop
from token_rotation.selection.key_range import Key
from token_rotation.selection.target import Target
from token_rotation.sql import rows as rows_sql
from token_rotation.stop import StopSignal

CHUNK_ROWS = 4_000
LOCK_TIMEOUT_MS = 1_000
SAY_EVERY_SECONDS = 5.0
STOPPING_REPLAY = "\nStopping after the running chunk; a second signal ends the reading at once.\n"
ENDING_REPLAY = "\nEnding within five seconds; a receiver that works for longer is cut short.\n"


@dataclass(slots=True)
class Replayed:
    """Counts of keys, of signals, and of receivers that failed."""

    keys: int = 0
    signals: int = 0
    failures: int = 0
    stopped: bool = False

    @property
    def complete(self) -> bool:
        """Return True when every receiver took everything."""
        return not self.stopped and not self.failures


class Replay:
    """A replay, sending 4,000 keys at a time.

    It reads the table and sends the keys that match.

    It reads in key order. No transaction is open while receivers work, and memory does not grow. It
    may send rows that are rotated or inserted while it runs. It keeps no state: run again, it sends
    everything again.
    """

    def __init__(
        self, target: Target, since: datetime, *, stop: StopSignal, say: Callable[[str], None]
    ) -> None:
        self._target = target
        self._since = since
        self._stop = stop
        self._say = say
        self._connection = Connection(target.database, observe=self._observe)
        self._persistence = RetryLoop(
            self._connection,
            backoff=Backoff(60.0),
            stop=stop,
            observe=self._observe,
            clock=time.monotonic,
        )
        self._said_at = time.monotonic()
        self.result = Replayed()

    def run(self) -> Replayed:
        """Send the matching keys; return the counts.

        Raises RotationError when the database cannot be read, KeyOrderError where its index would
        leave keys out.
        """
        self._stop.on_abort(self._connection.cancel)
        try:
            asked = (self._connection, self._target)
            self._persistence.run(partial(check_order_of_all_keys, *asked))
            after: Key | None = None
            while (rows := self._chunk(after)) and not self._stop.requested:
                self._send(tuple(key for key, matches in rows if matches))
                self._persistence.run(partial(check_key_order, *asked, (after, rows[-1][0])))
                after = rows[-1][0]
            self.result.stopped = bool(rows)
        except AbortedError:
            self.result.stopped = True
        finally:
            self._connection.close()
        return self.result

    def _chunk(self, after: Key | None) -> list[tuple[Key, bool]]:
        query = rows_sql.rotated_since(self._target, from_the_start=after is None)
        values = {
            "after": after,
            "since": self._since,
            "chunk_rows": CHUNK_ROWS,
            "lock_timeout_ms": LOCK_TIMEOUT_MS,
        }
        return self._persistence.run(
            lambda: [
                (key, matches)
                for key, matches in self._connection.rows(statements.bounded(query), values)
            ]
        )

    def _send(self, keys: tuple[Key, ...]) -> None:
        if keys:
            self.result.failures += announce(self._target, keys)
            self.result.keys += len(keys)
            self.result.signals += 1
        if time.monotonic() - self._said_at >= SAY_EVERY_SECONDS:
            self._said_at = time.monotonic()
            self._say(
                f"{self._target.label}: {wording.things(self.result.keys, 'key')} sent so far"
            )

    def _observe(self, event: Event) -> None:
        if isinstance(event, Retrying):
            self._say(f"{event.reason}; trying again in {event.delay_seconds:.1f} s")
        elif isinstance(event, Waiting) and time.monotonic() - self._said_at >= SAY_EVERY_SECONDS:
            self._said_at = time.monotonic()
            self._say(f"{self._target.label}: {event}")


def listened_to(targets: Sequence[Target]) -> list[Target]:
    """Return the targets that have a receiver.

    Raises RotationError when none has, or when the keys of one are its tokens.
    """
    heard = [target for target in targets if has_listeners(target)]
    for target in heard:
        if target.hides_keys:
            raise RotationError(
                f"{target.label}: its keys are its tokens, which no signal carries. Nothing was "
                "sent. Name the other models"
            )
    if not heard:
        labels = ", ".join(target.label for target in targets)
        raise RotationError(
            f"Nobody listens to the signal tokens_rotated of {labels}, so nothing was sent. "
            "Connect a receiver when Django starts (AppConfig.ready)"
        )
    return heard


def as_sentence(target: Target, result: Replayed, since: datetime) -> str:
    """Say how a replay ended, and how to handle failures."""
    said = (
        f"{target.label}: {wording.things(result.keys, 'key')} of rows with a token issued since "
        f"{since.isoformat()} sent in {wording.things(result.signals, 'signal')}."
    )
    if result.failures:
        said += (
            f" Receivers failed {wording.things(result.failures, 'time')}; the log says which. "
            "Run the same command again when they are fixed: receivers get everything again."
        )
    if result.stopped:
        said += " Stopped before the end: run the same command again, it begins anew."
    return said


def replay_targets(
    targets: Sequence[Target],
    since: datetime,
    *,
    say: Callable[[str], None],
    warn: Callable[[str], None],
) -> bool:
    """Replay those that somebody listens to.

    Return True when every receiver took everything.

    A signal stops it after the running chunk. Raises RotationError when nobody listens, or the
    database cannot be read.
    """
    complete, stop = True, StopSignal()
    with stop_on_signal(stop, stopping=STOPPING_REPLAY, aborting=ENDING_REPLAY):
        for target in listened_to(targets):
            result = Replay(target, since, stop=stop, say=warn).run()
            say(as_sentence(target, result, since))
            complete = complete and result.complete
    return complete
