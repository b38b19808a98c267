"""Jobs on the tickets of pytest-django's database."""

from importlib import import_module

import pytest

ROWS = 30


@pytest.fixture(autouse=True)
def jobs(transactional_db: None) -> None:
    """30 tickets, and jobs for them."""
    from tickets.models import Ticket  # noqa: PLC0415  (after Django was set up)

    import_module("tests.projects.worker_actions.jobs")
    Ticket.objects.bulk_create([Ticket(subject=f"ticket {number}") for number in range(ROWS)])
