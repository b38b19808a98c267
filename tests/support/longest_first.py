"""Files that take long, so that a run in several processes begins with them and ends evenly."""

from pathlib import Path

import pytest

LONGEST_FIRST = (
    "test_bench.py",
    "test_traffic.py",
    "test_distributed_rotation.py",
    "test_makemigrations.py",
    "test_secrets.py",
    "test_embedded_server.py",
    "test_migrations_under_traffic.py",
    "test_double_signals.py",
    "test_pages.py",
    "test_soak.py",
    "test_vanished_server.py",
    "test_documented_commands.py",
    "test_pgbouncer.py",
    "test_bench_over_http.py",
    "test_long_reports.py",
    "test_migrate_killed.py",
    "test_adopt_docs.py",
    "test_server_faults.py",
    "test_memory.py",
    "test_rotation_killed.py",
    "test_selected_rotation.py",
    "test_import_tickets.py",
    "test_finish.py",
    "test_lost_workers.py",
    "test_giving_way.py",
    "test_demo.py",
    "test_interleavings.py",
    "test_who_may_see_pages.py",
    "test_selection.py",
)


def sort_longest_first(items: list[pytest.Item]) -> None:
    """Move the tests of those files to the front; the rest keeps its order, by chance or not."""
    places = {name: place for place, name in enumerate(LONGEST_FIRST)}
    items.sort(key=lambda item: places.get(Path(item.path).name, len(places)))
