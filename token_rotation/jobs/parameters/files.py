"""Files that runs are given: of this machine, or stored where every worker can read them.

A stored file is deleted once its run is complete. What is left of runs that nobody went on with is
deleted after OPERATIONS_JOB_FILE_DAYS, when the next one is stored.
"""

from __future__ import annotations

import logging
import shutil
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from django.core.files.base import File
from django.core.files.storage import InvalidStorageError, Storage, storages
from django.core.files.uploadedfile import TemporaryUploadedFile
from django.utils import timezone
from django.utils.text import get_valid_filename

from token_rotation.jobs.errors import FileStorageError, ParametersError
from token_rotation.jobs.job import Job
from token_rotation.operations.failures.time_limit import is_time_limit
from token_rotation.operations.lifecycle import Status
from token_rotation.operations.models import BatchOperation
from token_rotation.operations.options import option

STORAGE = "token_rotation_jobs"
FOLDER = "token_rotation_jobs"
STORED = "stored"
CHUNK_BYTES = 1 << 20

# At run time File takes no type argument; only its type stubs do.
if TYPE_CHECKING:
    AnyFile = File[bytes]
else:
    AnyFile = File

logger = logging.getLogger(__name__)


class LocalFile(AnyFile):
    """A file of this machine, with its path."""

    def __init__(self, path: Path, name: str) -> None:
        super().__init__(path.open("rb"), name=name)
        self.path = path


@contextmanager
def opened(kind: type[Job], name: str, value: Any) -> Iterator[AnyFile]:
    """Yield the file that a parameter names. Raises ParametersError."""
    match value:
        case File():
            yield value
        case {"stored": str(stored), "name": str(shown)}:
            with _fetched(kind, name, stored, shown) as file:
                yield file
        case str() | Path():
            try:
                file = LocalFile(Path(value), Path(value).name)
            except OSError as error:
                raise ParametersError(f"{kind.name}: {name}: {value}: {error.strerror}") from None
            with file:
                yield file
        case _:
            raise ParametersError(f"{kind.name}: {name}: type the path of a file")


def path_of(file: AnyFile) -> Path:
    """Return where an opened file is on this machine."""
    if isinstance(file, TemporaryUploadedFile):
        return Path(file.temporary_file_path())
    if isinstance(file, LocalFile):
        return file.path
    raise TypeError(f"{type(file).__name__} is in no file")


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


@contextmanager
def _fetched(kind: type[Job], name: str, stored: str, shown: str) -> Iterator[AnyFile]:
    """Yield a copy on this machine, which is gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="job-") as directory:
        path = Path(directory) / (get_valid_filename(Path(shown).name) or "file")
        try:
            with storage().open(stored) as source, path.open("wb") as copy:
                shutil.copyfileobj(source, copy, CHUNK_BYTES)
        except FileNotFoundError:
            raise ParametersError(f"{kind.name}: {name}: {shown} is no longer stored") from None
        with LocalFile(path, shown) as file:
            yield file


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
