"""Files that take long, so that a run in several processes begins with them and ends evenly."""

from pathlib import Path

import pytest

LONGEST_FIRST = (
    "test_distributed_rotation.py",
    "test_silent_server.py",
    "test_bench.py",
    "test_silence.py",
    "test_lost_queue.py",
    "test_pages.py",
    "test_derived_columns.py",
    "test_two_releases.py",
    "test_looks_behind_a_lock.py",
    "test_long_reports.py",
    "test_embedded_server.py",
    "test_migrations_under_traffic.py",
    "test_rows_without_a_token.py",
    "test_finish.py",
    "test_traffic.py",
    "test_double_signals.py",
    "test_mending_the_guard.py",
    "test_lost_workers.py",
    "test_tokens_that_may_be_absent.py",
    "test_giving_way.py",
    "test_adopt_docs.py",
    "test_server_faults.py",
    "test_makemigrations.py",
    "test_bench_over_http.py",
    "test_import_tickets.py",
    "test_related_columns.py",
    "test_stop_command.py",
    "test_selected_rotation.py",
    "test_documented_commands.py",
    "test_locks.py",
    "test_later_markers.py",
    "test_interleavings.py",
    "test_vanished_server.py",
    "test_demo.py",
    "test_lost_output.py",
    "test_pgbouncer.py",
    "test_rotate_tokens.py",
    "test_refused_rows.py",
    "test_unservable_tables.py",
    "test_inherited_models.py",
    "test_secrets.py",
    "test_soak.py",
    "test_signals_in_look_ups.py",
    "test_size_of_the_token_index.py",
    "test_second_signal.py",
    "test_free_rows.py",
    "test_any_key_and_token.py",
    "test_retired_tokens.py",
    "test_counts_under_limits.py",
    "test_background_vacuum.py",
    "test_rotation_killed.py",
    "test_seed_tickets.py",
    "test_imports_said.py",
    "test_migrate_killed.py",
    "test_old_snapshots.py",
    "test_locked_rows.py",
    "test_guard_every_case.py",
    "test_silent_django.py",
    "test_runs.py",
    "test_workers.py",
)


def sort_longest_first(items: list[pytest.Item]) -> None:
    """Move the tests of those files to the front; the rest keeps its order, by chance or not."""
    places = {name: place for place, name in enumerate(LONGEST_FIRST)}
    items.sort(key=lambda item: places.get(Path(item.path).name, len(places)))
