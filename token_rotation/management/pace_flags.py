"""The flags of ``rotate_tokens`` that set a field of ``RotationOptions``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from token_rotation.command_line.argument_types import (
    http_url,
    milliseconds,
    percent,
    positive_int,
    positive_number,
    positive_seconds,
    seconds,
    worker_count,
)
from token_rotation.management.flag import Flag
from token_rotation.options import RotationOptions, flag_of

DEFAULTS = RotationOptions()


def _option(
    field: str, value: Callable[[str], Any], unit: str, what: str, *, without: str = "none"
) -> Flag:
    """Return a flag with a value.

    Its help ends with the default; where that is None, with ``without``.
    """
    default = getattr(DEFAULTS, field)
    shown = without if default is None else f"{default:g}"
    settings = {"dest": field, "type": value, "metavar": unit}
    return Flag(flag_of(field), f"{what} (default: {shown})", settings)


BATCH_SIZES = (
    _option(
        "target_batch_seconds",
        positive_seconds,
        "SECONDS",
        "hold the row locks of a batch for this long; the batch size adapts",
    ),
    _option(
        "batch_rows",
        positive_int,
        "N",
        "rotate this number of rows in each batch",
        without="adaptive",
    ),
)
PACE = (
    _option(
        "workers",
        worker_count,
        "N",
        "rotate this number of batches at the same time, each on its own connection",
    ),
    _option(
        "traffic_budget_ms",
        milliseconds,
        "MS",
        "let a short transaction of others take this many milliseconds longer at its 95th to 99th "
        "percentile; 0 pays no regard to traffic",
    ),
    _option("pause_seconds", seconds, "SECONDS", "pause this long between two batches"),
    _option(
        "max_replica_lag_seconds",
        positive_seconds,
        "SECONDS",
        "pause while a standby lags more, until it lags half of that",
    ),
    Flag(
        flag_of("except_standby"),
        "let the standby with this application_name lag, such as one with "
        "recovery_min_apply_delay; may be repeated (default: none)",
        {"dest": "except_standby", "action": "append", "metavar": "NAME"},
        needs=(flag_of("max_replica_lag_seconds"),),
    ),
    _option("max_active_queries", positive_int, "N", "pause while more backends are active"),
    _option(
        "max_wal_mb_per_second",
        positive_number,
        "MB",
        "pause while the server writes more WAL than this, until it writes half of that",
    ),
    _option(
        "max_files_to_archive",
        positive_int,
        "N",
        "pause while more files of WAL wait for the archiver, until half as many wait",
    ),
    _option(
        "pause_while",
        str,
        "SQL",
        "pause while this query answers true, or not within a second. It may only read",
    ),
    _option("pause_while_url", http_url, "URL", "pause while this URL answers anything but 200"),
    _option("abort_when", str, "SQL", "end the rotation once this query answers true"),
    _option(
        "wait_for_locks_seconds",
        seconds,
        "SECONDS",
        "wait this long at the end for rows that others lock, and for open writes",
    ),
    _option(
        "retry_seconds", seconds, "SECONDS", "give up when the database has failed for this long"
    ),
    _option(
        "vacuum_every_percent",
        percent,
        "PERCENT",
        "vacuum the table beside the batches after each such part of its rows; 0 disables it",
    ),
    _option(
        "verdict_at_most_seconds",
        positive_seconds,
        "SECONDS",
        "read the whole table at the end for at most this long. The read keeps dead rows alive, "
        "and without it nothing counts as complete",
    ),
    Flag(
        flag_of("independent_tokens"),
        "draw each token by itself. Without it, tokens of neighbours share their first 1 or 2 "
        "digits on tables above some 400,000 rows, which spares the index",
        {"dest": "independent_tokens", "action": "store_true"},
    ),
)
LIMIT = _option("limit_rows", positive_int, "N", "rotate at most this number of rows, as a canary")
RATE = _option("max_rows_per_second", positive_int, "N", "rotate no faster than this")
