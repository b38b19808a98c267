"""Nothing that was left out is passed over in silence."""

import pytest

from token_rotation.inspection.verdict.verdict import Unread
from token_rotation.verification.everywhere.findings import Copies, Findings
from token_rotation.verification.everywhere.not_searched import NotSearched, Why
from token_rotation.verification.looked_at import LookedAt, looked_at_by

VIEWS = NotSearched(Why.VIEW, ("public.a", "public.b"))
HIDDEN = NotSearched(Why.ROW_SECURITY, ("public.c",))


def findings(*copies: Copies, not_searched: tuple[NotSearched, ...] = ()) -> Findings:
    return Findings(copies, ("public.t", "public.u"), 7, not_searched)


def test_where_copies_are_is_said_with_how_they_stand() -> None:
    found = findings(Copies("public.t", "a", 1, 1), Copies("public.t", "b", 1200, 200))
    assert list(found.sentences("leaked.txt", 1000)) == [
        "leaked.txt lists 1,000 tokens; searched 7 columns of 2 tables.",
        "public.t.a: 1 row holds a listed token.",
        "public.t.b: 1,200 rows hold a listed token, 1,000 of them inside longer text.",
        "Listed tokens are stored in the columns above. Delete or mask them there.",
    ]


def test_what_cannot_hold_a_copy_of_its_own_leaves_the_search_complete() -> None:
    found = findings(not_searched=(VIEWS,))
    assert found.is_complete
    assert list(found.sentences("leaked.txt", 1))[1:] == [
        "Not searched (view): public.a, public.b.",
        "No searched column holds a listed token.",
    ]


def test_what_may_hide_a_copy_leaves_it_incomplete() -> None:
    found = findings(not_searched=(VIEWS, HIDDEN))
    assert not found.is_complete
    *_, said, last = found.sentences("leaked.txt", 1)
    assert said == "Not searched (row security hides rows from this role): public.c."
    assert "incomplete" in last


def test_a_search_of_nothing_is_no_all_clear() -> None:
    found = Findings((), (), 0, ())
    assert not found.is_complete
    said, last = found.sentences("leaked.txt", 1)
    assert said == "leaked.txt lists 1 token; searched 0 columns of 0 tables."
    assert last.startswith("Nothing was searched, so nothing is known")


@pytest.mark.parametrize("why", Why)
def test_only_what_was_asked_for_and_cannot_be_done_makes_it_incomplete(why: Why) -> None:
    beyond = {Why.GONE, Why.VIEW, Why.FOREIGN, Why.TYPE, Why.TEMPORARY, Why.LARGE_OBJECT}
    beyond.add(Why.DATABASE)
    found = findings(not_searched=(NotSearched(why, ("x",)),))
    assert found.is_complete == (why in beyond)


def test_a_refusal_of_the_server_is_said_without_values() -> None:
    refused = NotSearched(Why.REFUSED, ("public.t",), "ProgrammingError (42501)")
    assert refused.sentence == (
        "Not searched (PostgreSQL refused the statement: ProgrammingError (42501)): public.t."
    )


def test_a_report_can_say_which_tables_were_looked_at() -> None:
    hidden = "public.c (row security hides rows from this role)"
    looked_at = LookedAt(("public.t", "public.u"), (hidden,))
    assert looked_at.in_short == f"public.t, public.u; not at {hidden}"
    assert looked_at.as_dict() == {
        "tables": ["public.t", "public.u"],
        "not_looked_at": [hidden],
    }
    assert LookedAt(("t",)).in_short == "t"
    assert LookedAt(()).in_short == "no table"


def test_a_table_that_was_not_read_was_not_looked_at() -> None:
    assert looked_at_by(Unread("it took too long")).tables == ()
