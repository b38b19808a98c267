"""/tickets.csv?rows=1000&seconds=60: the first ``rows`` tickets, after ``seconds``."""

from django.http import HttpRequest, HttpResponseBase
from django.urls import path

from benchmark.projects.slow_report import APPLICATION_NAME
from token_rotation.streaming.query import Query
from token_rotation.streaming.response import stream_csv

COLUMNS = ("id", "subject", "status", "created_at", "token_rotated_at")
_STATEMENT = (
    "SELECT id, subject, status, created_at, token_rotated_at FROM tickets_ticket "
    "WHERE id <= %(rows)s AND (id > 1 OR pg_sleep(%(seconds)s) IS NOT NULL) ORDER BY id"
)


def slow_report(request: HttpRequest) -> HttpResponseBase:
    values = {"rows": int(request.GET["rows"]), "seconds": float(request.GET["seconds"])}
    query = Query(_STATEMENT, values, application_name=APPLICATION_NAME)
    return stream_csv(request, query, columns=COLUMNS, file_name="tickets.csv")


urlpatterns = [path("tickets.csv", slow_report)]
