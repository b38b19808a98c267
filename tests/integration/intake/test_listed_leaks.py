"""report_leak says that no listed token opens anything only of lines that it could read."""

import io
from collections.abc import Callable
from pathlib import Path

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError

from tickets.models import Ticket

pytestmark = pytest.mark.django_db(transaction=True)

Leak = Callable[[int], list[Ticket]]
BREAKS = {
    "UTF-16": ("utf-16", "\r\n"),
    "old line ends": ("utf-8", "\r"),
    "with tabs": ("utf-8", "\tx\n"),
    "Latin-1": ("latin-1", " é\n"),
}


def report(file: Path) -> str:
    out = io.StringIO()
    with pytest.raises(SystemExit, match="3"):
        call_command("report_leak", str(file), stdout=out, stderr=out)
    return out.getvalue()


@pytest.mark.parametrize("line", ['"{}"', "'{}',", "  {}  ", "`{}`", "{};"])
def test_what_a_list_has_around_a_token_does_not_keep_it_alive(
    line: str, tmp_path: Path, leak_tickets: Leak
) -> None:
    (ticket,) = leak_tickets(1)
    file = tmp_path / "leaked.txt"
    file.write_text(line.format(ticket.token) + "\n")
    call_command("report_leak", str(file))
    assert not Ticket.objects.filter(token=ticket.token).exists()


@pytest.mark.parametrize("line", ["7,{}", "https://tickets.example/t/{}/", "token: {}"])
def test_a_line_that_is_more_than_a_token_is_no_all_clear(
    line: str, tmp_path: Path, leak_tickets: Leak
) -> None:
    first, second = leak_tickets(2)
    file = tmp_path / "leaked.txt"
    file.write_text(f"{second.token}\n{line.format(first.token)}\n")
    assert "1 line was not read, the first is line 2: " in report(file)
    assert Ticket.objects.filter(token=first.token).exists()
    assert not Ticket.objects.filter(token=second.token).exists()


@pytest.mark.parametrize("how", BREAKS)
def test_lines_that_cannot_be_read_are_no_all_clear(
    how: str, tmp_path: Path, leak_tickets: Leak
) -> None:
    first, second = leak_tickets(2)
    encoding, end = BREAKS[how]
    file = tmp_path / "leaked.txt"
    unreadable = f"{first.token}{end}{first.token}{end}".encode(encoding)
    file.write_bytes(f"{second.token}\n".encode() + unreadable)
    assert "not read, the first is line 2: a line is UTF-8" in report(file)
    assert set(Ticket.objects.values_list("token", flat=True)) & {first.token, second.token} == {
        first.token
    }
    file.write_bytes(unreadable)
    with pytest.raises(CommandError, match="no line with a token: a line is UTF-8"):
        call_command("report_leak", str(file))
