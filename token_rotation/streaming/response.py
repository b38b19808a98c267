"""The rows of a query as a CSV download."""

from __future__ import annotations

from collections.abc import Sequence

from django.http import HttpRequest, HttpResponse, HttpResponseBase, StreamingHttpResponse
from django.utils.http import content_disposition_header

from token_rotation.streaming.errors import ReportError
from token_rotation.streaming.query import Query
from token_rotation.streaming.settings import limits
from token_rotation.streaming.stream import CsvStream

FIRST_ROW_SECONDS = 0.5
CONTENT_TYPE = "text/csv; charset=utf-8"

_NEEDS_HTTP_1_1 = (
    "This report needs HTTP/1.1 all the way: HTTP/1.0 cannot tell a file that broke off from a"
    " complete one. In nginx: proxy_http_version 1.1;"
)


def stream_csv(
    request: HttpRequest, query: Query, *, columns: Sequence[str], file_name: str
) -> HttpResponseBase:
    """Answer ``request`` with the rows of ``query`` as CSV.

    A header line ``columns`` comes first. The response begins within a second and is never silent
    for longer than REPORT_KEEP_ALIVE_SECONDS. Memory does not grow with the number of rows. If the
    client goes away, the query is cancelled.

    A query that fails at once is answered with 500, or with 503 if a retry may help. One that fails
    later ends the file with a line that says so, and the connection abnormally. Needs WSGI and
    HTTP/1.1.
    """
    if request.META.get("SERVER_PROTOCOL") == "HTTP/1.0":
        return _refusal(_NEEDS_HTTP_1_1, status=505)
    if request.method == "HEAD":
        response = StreamingHttpResponse((), content_type=CONTENT_TYPE)
    else:
        stream = CsvStream(query, columns, limits())
        try:
            stream.start(FIRST_ROW_SECONDS)
        except ReportError as failure:
            refusal = _refusal(f"There is no report: {failure}.", status=failure.status)
            if failure.retry_after_seconds is not None:
                refusal["Retry-After"] = str(failure.retry_after_seconds)
            return refusal
        response = StreamingHttpResponse(stream, content_type=CONTENT_TYPE)
    attachment = content_disposition_header(as_attachment=True, filename=file_name)
    response["Content-Disposition"] = str(attachment)
    # Whoever compresses or collects before passing on would turn the bytes that keep the
    # connection alive into silence: GZipMiddleware, nginx, other proxies.
    response["Content-Encoding"] = "identity"
    response["X-Accel-Buffering"] = "no"
    response["Cache-Control"] = "private, no-store, no-transform"
    return response


def _refusal(text: str, *, status: int) -> HttpResponse:
    return HttpResponse(
        f"{text}\n",
        status=status,
        content_type="text/plain; charset=utf-8",
        headers={"Cache-Control": "no-store"},
    )
