"""The declaration of a job."""

from __future__ import annotations

import logging
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from inspect import isasyncgenfunction, iscoroutinefunction, isgeneratorfunction
from typing import Any, ClassVar

from django import forms
from django.db import InterfaceError, OperationalError
from django.db.models import QuerySet

from token_rotation.jobs.collection.enumerator import Enumerator
from token_rotation.jobs.state import JobState
from token_rotation.options import RotationOptions

GATES = (
    "max_replica_lag_seconds",
    "except_standby",
    "max_active_queries",
    "max_wal_mb_per_second",
    "max_files_to_archive",
    "pause_while",
    "pause_while_url",
)


class Job(ABC):
    """Work on each item of a collection: slowly, stoppably, on a live system.

    Override ``collection``, and ``process`` or ``process_batch``. An instance serves one attempt;
    its parameters are those that ``parameters_form`` has cleaned, a file as a Path. Without a form
    they are JSON values.

    Where the collection is in the operations' database, a batch is one transaction with the cursor
    behind it: each item is processed exactly once, however often the process dies. Elsewhere, and
    with ``atomic = False``, the last batch may be processed again: then ``process`` does no harm
    twice.
    """

    # What run_job is given; the name of the class when it is left out.
    name: ClassVar[str] = ""

    # Items of a batch. A transaction is as long as a batch.
    batch_items: ClassVar[int] = 100

    atomic: ClassVar[bool] = True

    # The queryset says what is left, such as ``filter(search="")``: then each run begins at the
    # lowest key, whatever is stored of another.
    remaining_is_in_data: ClassVar[bool] = False

    # Faults that may pass: the batch is tried again, for ``retry_seconds`` in all.
    retry_for: ClassVar[tuple[type[Exception], ...]] = (
        OperationalError,
        InterfaceError,
        ConnectionError,
        TimeoutError,
    )
    retry_seconds: ClassVar[float] = 60.0

    # An item that fails by itself is set aside. The job fails at one more than so many.
    set_aside_at_most: ClassVar[int] = 100

    # How much longer short transactions of the application may take; 0: no regard to traffic.
    traffic_budget_ms: ClassVar[float] = 5.0

    # Brakes, whatever the traffic is.
    max_items_per_second: ClassVar[int | None] = None
    pause_seconds: ClassVar[float] = 0.0

    # Gates: fields of RotationOptions, of those in GATES, by name. The job waits while one is shut.
    gates: ClassVar[Mapping[str, Any]] = {}

    # Longest wait of a batch for a row that others have locked.
    lock_timeout_ms: ClassVar[int] = 1_000

    # Checks the parameters, wherever a run is started. The value of a field with a PasswordInput is
    # in no record, so no worker can have it.
    parameters_form: ClassVar[type[forms.Form] | None] = None

    # A run begins only when a second person has approved it, at the page of jobs.
    needs_approval: ClassVar[bool] = False

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        if "name" not in cls.__dict__:
            cls.name = cls.__name__
        unknown = sorted(set(cls.gates) - set(GATES))
        if unknown:
            raise TypeError(f"{cls.__name__}: no gate is named {unknown[0]!r}; {', '.join(GATES)}")
        for each in (cls.process, cls.process_batch):
            if iscoroutinefunction(each) or isgeneratorfunction(each) or isasyncgenfunction(each):
                raise TypeError(
                    f"{cls.__name__}: {each.__name__} is async or has a yield, so that a call of "
                    "it does nothing"
                )

    def __init__(self, **parameters: Any) -> None:
        self.parameters = parameters
        # Of the framework: what the record says of them, the values it must not say, and the keys
        # of a retry.
        self.recorded_parameters: dict[str, Any] = parameters
        self.secret_values: tuple[str, ...] = ()
        self.retried_keys: tuple[str, ...] | None = None

    @classmethod
    def gate_options(cls) -> RotationOptions:
        """Return the options of a rotation with these gates."""
        return RotationOptions(**cls.gates)

    def again(self) -> Job:
        """Return another one with the same parameters, for another thread."""
        job = type(self)(**self.parameters)
        job.recorded_parameters = self.recorded_parameters
        job.secret_values, job.retried_keys = self.secret_values, self.retried_keys
        return job

    @property
    def logger(self) -> logging.Logger:
        """A logger of this job: its module, then its name."""
        return logging.getLogger(f"{type(self).__module__}.{self.name}")

    @abstractmethod
    def collection(self) -> QuerySet[Any] | Enumerator:
        """Return what the job goes through: a queryset, a CsvFile, or an enumerator of your own."""

    def process(self, item: Any) -> None:
        """Process one item."""
        raise NotImplementedError(f"{self.name}: override process or process_batch")

    def process_batch(self, items: Sequence[Any]) -> None:
        """Process the items of a batch. After a failure each comes again, in a batch of its own."""
        for item in items:
            self.process(item)

    def count(self) -> int | None:
        """Return how many items there are, None where that costs too much.

        It is asked once. Override it where counting the collection takes long.
        """
        return self.collection().count()

    def throttle_on(self) -> str:
        """Return why the job waits before its next batch, "" where it does not."""
        return ""

    # What follows is there to be overridden, by choice.

    def after_start(self, state: JobState) -> None:  # noqa: B027
        """React to the beginning of an attempt."""

    def after_pause(self, state: JobState) -> None:  # noqa: B027
        """React to a pause that somebody asked for."""

    def after_error(self, state: JobState, error: Exception) -> None:  # noqa: B027
        """React to the failure of the job."""

    def after_complete(self, state: JobState) -> None:  # noqa: B027
        """React to the end of the collection."""


def summary_of(job: type[Job]) -> str:
    """Return the first line of the job's own docstring, "" where it has none."""
    text = (job.__dict__.get("__doc__") or "").strip()
    return text.splitlines()[0] if text else ""
