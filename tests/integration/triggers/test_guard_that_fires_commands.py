"""What the commands say of a trigger that overwrites tokens."""

from typing import Any

import pytest

from tests.support.leaked import leak, pending, value
from tests.support.manage import Manage

LATER = """
CREATE FUNCTION legacy() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN {body} RETURN NEW; END $$;
CREATE TRIGGER zz_legacy BEFORE INSERT OR UPDATE ON tickets_ticket FOR EACH ROW
EXECUTE FUNCTION legacy();
"""
ASSIGNS = "NEW.token := md5(NEW.subject)::uuid;"
IN_DOUBT = (
    "NEW := jsonb_populate_record(NEW, jsonb_build_object('tok' || 'en', md5(NEW.subject)::uuid));"
)
TOKENS = "SELECT string_agg(t::text, ',' ORDER BY id) FROM tickets_ticket t"


@pytest.mark.parametrize(
    ("body", "said"),
    [(ASSIGNS, "fires after the guard"), (IN_DOUBT, "zz_legacy on tickets_ticket overwrites")],
    ids=["by its text", "by a trial"],
)
def test_a_rotation_refuses_it_in_one_line_and_changes_nothing(
    manage: Manage, database_url: str, tickets: Any, body: str, said: str
) -> None:
    leak(tickets, 50)
    tickets.cursor().execute(LATER.format(body=body))
    before = value(tickets, TOKENS)
    done = manage("rotate_tokens", database_url=database_url)
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert said in line
    assert "Nothing was changed" in line
    assert 'ALTER TRIGGER "zz_legacy" ON tickets_ticket RENAME TO "a_zz_legacy"' in line
    assert value(tickets, TOKENS) == before


def test_a_dry_run_says_what_would_be_tried_and_tries_nothing(
    manage: Manage, database_url: str, tickets: Any
) -> None:
    leak(tickets, 50)
    tickets.cursor().execute(LATER.format(body=f"PERFORM nextval('fired'); {IN_DOUBT}"))
    tickets.cursor().execute("CREATE SEQUENCE fired")
    dry = manage("rotate_tokens", "--dry-run", database_url=database_url)
    assert dry.returncode == 3
    assert "to see if zz_legacy on tickets_ticket overwrites tokens" in dry.stdout
    assert value(tickets, "SELECT is_called FROM fired") is False
    assert pending(tickets) == 50


def test_the_report_and_the_check_name_it(manage: Manage, database_url: str, tickets: Any) -> None:
    tickets.cursor().execute(LATER.format(body=ASSIGNS))
    report = manage("rotate_tokens", "--report", database_url=database_url)
    (guard,) = (line for line in report.stdout.splitlines() if line.startswith("guard"))
    assert "zz_legacy on tickets_ticket fires after the guard" in guard
    assert "ok" not in guard.split(";")[0].split()
    check = manage("check", "--database", "default", database_url=database_url)
    assert check.returncode == 1
    assert "token_rotation.E031" in check.stderr
