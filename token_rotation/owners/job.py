"""The job that tells owners, for each notice that is declared."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from functools import cached_property, partial
from threading import Lock
from typing import Any, ClassVar

from django.db import DEFAULT_DB_ALIAS, InterfaceError, OperationalError
from django.db.models import QuerySet

from token_rotation.errors import NotReadyError
from token_rotation.jobs.attempts.retries import Retries
from token_rotation.jobs.errors import CollectionError
from token_rotation.jobs.job import Job
from token_rotation.jobs.registry import all_jobs, register
from token_rotation.operations.errors import OperationError
from token_rotation.operations.failures.time_limit import is_time_limit
from token_rotation.owners.declaration import OwnerNotice
from token_rotation.owners.inspection import notice_gaps
from token_rotation.owners.notice import Notice, notice_of
from token_rotation.owners.recording import record
from token_rotation.owners.registry import every_notice
from token_rotation.security_log import SecurityEvent, tell
from token_rotation.stop import StopSignal

TOLD, REFUSED = "told", "refused"
_tallying = Lock()


class NotSentError(ConnectionError):
    """A fault of what sends, which may pass. Its text quotes neither address nor message."""


class NoticeError(Exception):
    """An error of the project's function: its type, and where it was raised."""


class TellOwners(Job):
    """Tells the owners of a model's pending rows, in the order of the keys.

    A batch is sent, then recorded: after a kill it is sent again, with the same keys.
    """

    name = "notify_owners"
    atomic = False  # nobody takes a mail back, and no lock is held while mails are sent
    remaining_is_in_data = True
    retry_for = (OSError, OperationalError, InterfaceError)
    retry_seconds = 600.0
    traffic_budget_ms = 0.0  # a batch is one short UPDATE; the mail server sets the pace
    notice: ClassVar[OwnerNotice]
    only_keys: ClassVar[tuple[Any, ...] | None] = None
    tally: ClassVar[Counter[str]] = Counter()

    @property
    def database(self) -> str:
        return str(self.parameters.get("database", DEFAULT_DB_ALIAS))

    def collection(self) -> QuerySet[Any]:
        """Return the pending rows. Raises CollectionError where markers would not stay."""
        _ = self._markers_stay
        pending = self.notice.rows(self.database).filter(self.notice.pending)
        return pending if self.only_keys is None else pending.filter(pk__in=self.only_keys)

    @cached_property
    def _markers_stay(self) -> bool:
        """Asked once: it reads the catalogue."""
        try:
            gaps = notice_gaps(self.notice, self.database)
        except NotReadyError as error:
            raise CollectionError(str(error)) from None
        if gaps:
            raise CollectionError(f"{'; also: '.join(map(str, gaps))}")
        return True

    def process_batch(self, items: Sequence[Any]) -> None:
        notices = [notice_of(row, getattr(row, self.notice.rotated)) for row in items]
        try:
            with _without_data():
                self.notice.tell(notices)
        finally:
            self._record(notices)

    def _record(self, notices: Sequence[Notice]) -> None:
        told = {each.row.pk: each.rotated_at for each in notices if each.is_told}
        refused = [each for each in notices if each.refused_because and not each.is_told]
        self._write(self.notice.marker, told)
        self._write(self.notice.refused, {each.row.pk: each.rotated_at for each in refused})
        with _tallying:
            self.tally.update({TOLD: len(told), REFUSED: len(refused)})
        for reason, owners in Counter(each.refused_because for each in refused).items():
            self.logger.warning("%s: %d owners refused: %.100s", self.name, owners, reason)
        if told or refused:
            tell(
                SecurityEvent.OWNER_TOLD,
                "owners were told of their new tokens",
                target=self.notice.model_label,
                database=self.database,
                told=len(told),
                refused=len(refused),
            )

    def _write(self, marker: str, times: Mapping[Any, datetime]) -> None:
        """Try for as long as a batch is tried, even after a stop: the mails are sent."""
        if times:
            write = partial(record, self.notice, self.database, marker, times)
            _until_done(write, Retries(self, StopSignal()))


def _until_done(write: Callable[[], None], retries: Retries) -> None:
    while True:
        try:
            return write()
        except (OperationalError, InterfaceError) as error:
            retries.wait_after(error)


@contextmanager
def _without_data() -> Iterator[None]:
    """Name an error of what sends by its type and code alone; its text may quote a message."""
    try:
        yield
    except (OperationError, OperationalError, InterfaceError):
        raise
    except OSError as error:
        code = getattr(error, "smtp_code", None) or error.errno
        text = f"{type(error).__name__}{f' {code}' if code else ''}"
        raise NotSentError(f"the owners cannot be told: {text}") from None
    except Exception as error:
        if is_time_limit(error):
            raise
        unlike = NoticeError(type(error).__name__)
        raise unlike.with_traceback(error.__traceback__) from None


def job_of(notice: OwnerNotice, **tuned: Any) -> type[TellOwners]:
    """Return the job of a notice; ``tuned`` are class attributes of this run alone."""
    attributes = {
        "__module__": __name__,
        "name": f"{TellOwners.name} {notice.model_label}",
        "notice": notice,
        "batch_items": notice.batch_items,
        "max_items_per_second": notice.max_per_second,
        "tally": Counter(),
        **{name: value for name, value in tuned.items() if value is not None},
    }
    return type("TellOwners", (TellOwners,), attributes)


def register_jobs() -> None:
    """Register a job for each notice, so that workers find it. Again: of new ones alone."""
    known = [job.notice for job in all_jobs() if issubclass(job, TellOwners)]
    for each in every_notice():
        if not any(each is notice for notice in known):
            register(job_of(each))
