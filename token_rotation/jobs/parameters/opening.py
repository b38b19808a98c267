"""Files that a job is given, on the machine where it runs."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from django.core.files.base import File
from django.core.files.uploadedfile import TemporaryUploadedFile
from django.utils.text import get_valid_filename

from token_rotation.jobs.errors import ParametersError
from token_rotation.jobs.job import Job
from token_rotation.jobs.parameters.storing import storage

CHUNK_BYTES = 1 << 20

# At run time File takes no type argument; only its type stubs do.
if TYPE_CHECKING:
    AnyFile = File[bytes]
else:
    AnyFile = File


class LocalFile(AnyFile):
    """A file of this machine, with its path."""

    def __init__(self, path: Path, name: str) -> None:
        super().__init__(path.open("rb"), name=name)
        self.path = path


@contextmanager
def opened(kind: type[Job], name: str, value: Any) -> Iterator[AnyFile]:
    """Yield the file that a parameter names. Raises ParametersError."""
    match value:
        case TemporaryUploadedFile() | LocalFile():
            yield value
        case File():
            with _copied(value, value.name or name) as file:
                yield file
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


@contextmanager
def _fetched(kind: type[Job], name: str, stored: str, shown: str) -> Iterator[AnyFile]:
    try:
        source = storage().open(stored)
    except FileNotFoundError:
        raise ParametersError(f"{kind.name}: {name}: {shown} is no longer stored") from None
    with source, _copied(source, shown) as file:
        yield file


@contextmanager
def _copied(source: AnyFile, shown: str) -> Iterator[AnyFile]:
    """Yield a copy on this machine, which is gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="job-") as directory:
        path = Path(directory) / get_valid_filename(f"_{Path(shown).name}")
        with path.open("wb") as copy:
            shutil.copyfileobj(source, copy, CHUNK_BYTES)
        with LocalFile(path, shown) as file:
            yield file
