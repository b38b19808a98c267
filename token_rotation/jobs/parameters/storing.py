"""Files that runs are given: of this machine, or stored where every worker can read them.

A stored file is deleted once its run is complete. What is left of runs that nobody went on with is
deleted after OPERATIONS_JOB_FILE_DAYS, when the next one is stored.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

from django.core.files.base import File
from django.core.files.storage import InvalidStorageError, Storage, storages
from django.utils import timezone

from token_rotation.jobs.errors import FileStorageError
from token_rotation.jobs.job import Job
from token_rotation.operations.failures.time_limit import is_time_limit
from token_rotation.operations.lifecycle import Status
from token_rotation.operations.models import BatchOperation
from token_rotation.operations.options import option

STORAGE = "token_rotation_jobs"
FOLDER = "token_rotation_jobs"
STORED = "stored"

logger = logging.getLogger(__name__)


def store(job: Job, values: Mapping[str, Any]) -> dict[str, Any]:
    """Store the files of a job where workers read them; return its record's parameters with them.

    Raises FileStorageError, and deletes what it has stored then.
    """
    given = {name: path for name, path in job.parameters.items() if isinstance(path, Path)}
    recorded, names = dict(job.recorded_parameters), []
    try:
        for name, path in given.items():
            if isinstance(values.get(name), Mapping):  # of an earlier run, stored already
                continue
            recorded[name] = _store(path, _shown_name(values[name]))
            names.append(recorded[name][STORED])
    except BaseException:
        delete(names)
        raise
    if names:
        _prune()
    return recorded


def stored_in(recorded: Any) -> list[str]:
    """Return the names, in the storage, of the files that a record names."""
    values = recorded.values() if isinstance(recorded, Mapping) else ()
    found = [each.get(STORED) for each in values if isinstance(each, Mapping)]
    return [each for each in found if isinstance(each, str) and each.startswith(f"{FOLDER}/")]


def delete(names: Iterable[str]) -> None:
    """Delete stored files. One that stays is logged, and goes when it is old enough."""
    for name in names:
        try:
            storage().delete(name)
        except Exception as error:  # each storage has errors of its own
            if is_time_limit(error):
                raise
            logger.warning("%s was not deleted: %s", name, type(error).__qualname__)


def storage() -> Storage:
    """Return the storage of the project. Raises FileStorageError where it names none."""
    try:
        return storages[STORAGE]
    except InvalidStorageError:
        raise FileStorageError(
            f"workers cannot read the file: name a private storage as STORAGES[{STORAGE!r}]"
        ) from None


def most_bytes() -> int:
    return int(option("OPERATIONS_JOB_FILE_MEGABYTES") * (1 << 20))


def _store(path: Path, shown: str) -> dict[str, Any]:
    size = path.stat().st_size
    if size > most_bytes():
        raise FileStorageError(
            f"{shown} is larger than {option('OPERATIONS_JOB_FILE_MEGABYTES')} MB "
            "(OPERATIONS_JOB_FILE_MEGABYTES)"
        )
    with path.open("rb") as file:
        name = storage().save(f"{FOLDER}/{uuid4().hex}", File(file))
    return {STORED: name, "name": shown, "bytes": size}


def _shown_name(value: Any) -> str:
    name = value.name if isinstance(value, File) else Path(value).name
    return str(name)[-100:]


def _prune() -> None:
    """Delete stored files that are old, but not those of runs that go on."""
    before = timezone.now() - timedelta(days=option("OPERATIONS_JOB_FILE_DAYS"))
    living = BatchOperation.objects.exclude(status=Status.FINISHED).only("input_data")
    try:
        used = {name for each in living.readable() for name in stored_in(each.input_data)}
        _, files = storage().listdir(FOLDER)
        names = [f"{FOLDER}/{each}" for each in files]
        delete(
            each
            for each in names
            if each not in used and storage().get_modified_time(each) < before
        )
    except Exception as error:  # the run that is beginning needs none of this
        if is_time_limit(error):
            raise
        logger.warning("old files of jobs were not looked for: %s", type(error).__qualname__)
