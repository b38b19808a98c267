"""Files that a browser sends: written to disk as they come, up to a size."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

from django.core.files.uploadhandler import (
    FileUploadHandler,
    SkipFile,
    TemporaryFileUploadHandler,
)
from django.http import HttpRequest


class BoundedUpload(FileUploadHandler):
    """Drops a file that is larger, and goes on reading: the browser then sees the answer.

    ``refused`` has the names of its fields. It comes before the handlers that keep a file.
    """

    def __init__(self, request: HttpRequest, most_bytes: int) -> None:
        super().__init__(request)
        self.most_bytes = most_bytes
        self.refused: list[str] = []

    def receive_data_chunk(self, raw_data: bytes, start: int) -> bytes:
        if start + len(raw_data) > self.most_bytes:
            self.refused.append(str(self.field_name))
            raise SkipFile
        return raw_data

    def file_complete(self, file_size: int) -> Any:  # noqa: ARG002
        return None


def bound_uploads(request: HttpRequest, most_bytes: int) -> BoundedUpload:
    """Let the request's files go to disk, none larger.

    Where a middleware of the project has read the body, its own limits hold.
    """
    bounded = BoundedUpload(request, most_bytes)
    with suppress(AttributeError):
        request.upload_handlers = [bounded, TemporaryFileUploadHandler(request)]
    return bounded
