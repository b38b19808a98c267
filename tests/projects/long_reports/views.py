"""Reports that are slow, long or broken on purpose."""

from django.http import HttpRequest, HttpResponseBase

from token_rotation.streaming.query import Query
from token_rotation.streaming.response import stream_csv

SECRET = "leaked-token-"
HOLD = 7
"""The advisory lock with which a test holds the report "held" up."""

NUMBER = ("n",)
WIDE = ("number", "what the ticket is about, in one line", "when it was opened", "by whom")

# The answer of a row that is asked to wait or to fail comes when everything before it was sent.
REPORTS = {
    "slow": (
        WIDE,
        (
            "SELECT n, 'text ' || n, NULL, NULL FROM generate_series(1, %(rows)s) AS n "
            "WHERE n > 1 OR pg_sleep(%(seconds)s) IS NOT NULL"
        ),
    ),
    "held": (
        WIDE,
        (
            "SELECT n, 'text ' || n, NULL, NULL FROM generate_series(1, %(rows)s) AS n "
            f"WHERE n > 1 OR pg_advisory_xact_lock_shared({HOLD}) IS NOT NULL"
        ),
    ),
    "narrow": (
        NUMBER,
        (
            "SELECT n FROM generate_series(1, %(rows)s) AS n "
            "WHERE n NOT IN (1, 400) OR pg_sleep(%(seconds)s) IS NOT NULL"
        ),
    ),
    "long": (
        WIDE,
        "SELECT n, md5(n::text), NULL, NULL FROM generate_series(1, %(rows)s) AS n",
    ),
    "failing": (
        NUMBER,
        (
            f"SELECT CASE WHEN n < %(rows)s THEN n ELSE ('{SECRET}' || n)::int END "
            "FROM generate_series(1, %(rows)s) AS n"
        ),
    ),
}


def report(request: HttpRequest, name: str) -> HttpResponseBase:
    columns, statement = REPORTS[name]
    values = {"rows": int(request.GET["rows"]), "seconds": float(request.GET.get("seconds", 0))}
    query = Query(statement, values, application_name="report under test")
    return stream_csv(request, query, columns=columns, file_name=f"{name} ünder test.csv")
