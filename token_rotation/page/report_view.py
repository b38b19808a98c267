"""The progress report as a file to download."""

from __future__ import annotations

from django.contrib.admin.views.decorators import staff_member_required
from django.db import DEFAULT_DB_ALIAS
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.views.decorators.http import require_safe

from token_rotation.errors import RotationError
from token_rotation.postgres.opening import APPLICATION_NAME
from token_rotation.sql.progress import COLUMNS, progress
from token_rotation.streaming.query import Query
from token_rotation.streaming.response import stream_csv
from token_rotation.targets.discovery import find_targets


@require_safe
@staff_member_required
def progress_report(request: HttpRequest) -> HttpResponseBase:
    """Stream the progress report to staff.

    It has the progress of each range of keys, and the rows rotated in each hour. The session has
    the rotation's name, so that no rotation makes smaller batches because of it.
    """
    try:
        targets = find_targets(DEFAULT_DB_ALIAS)
    except RotationError as error:
        return HttpResponse(f"{error}\n", status=404, content_type="text/plain; charset=utf-8")
    statement, values = progress(targets)
    query = Query(statement, values, DEFAULT_DB_ALIAS, APPLICATION_NAME)
    return stream_csv(request, query, columns=COLUMNS, file_name="rotation-progress.csv")
