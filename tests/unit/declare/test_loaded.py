"""An instance knows what it was loaded with. No database is asked."""

import copy
import pickle
from collections.abc import Callable
from typing import Any
from uuid import UUID

import pytest

from tickets.models import Ticket
from token_rotation.declare.watching.loaded import LoadedValue, keep_watch
from token_rotation.declare.watching.watch import watch

LOADED, SENT = UUID(int=1), UUID(int=7)
TOKEN: Any = Ticket._meta.get_field("token")
WATCHED = keep_watch(TOKEN)


def loaded(token: Any = LOADED) -> Ticket:
    """As Django makes an instance of a row."""
    names = [field.attname for field in Ticket._meta.concrete_fields]
    values = {"id": 1, "subject": "x", "token": token}
    return Ticket.from_db("default", names, [values.get(name) for name in names])


def deferred() -> Ticket:
    return Ticket.from_db("default", ["id", "subject"], [1, "x"])


def same(ticket: Ticket) -> Ticket:
    return ticket


def thawed(ticket: Ticket) -> Ticket:
    found: Ticket = pickle.loads(pickle.dumps(ticket))
    return found


COPIES = [same, copy.copy, copy.deepcopy, thawed]


@pytest.mark.parametrize("make", COPIES)
def test_the_loaded_value_is_known_of_every_copy(make: Callable[[Ticket], Ticket]) -> None:
    ticket = make(loaded())
    assert WATCHED.is_loaded(ticket, ticket.token)
    ticket.token = SENT
    assert not WATCHED.is_loaded(ticket, ticket.token)
    assert not WATCHED.is_loaded(make(ticket), ticket.token)
    ticket.token = LOADED
    assert WATCHED.is_loaded(make(ticket), ticket.token)


def test_a_copy_and_its_original_do_not_share_what_they_know() -> None:
    ticket = loaded()
    other = copy.copy(ticket)
    WATCHED.load(other, SENT)
    assert WATCHED.is_loaded(ticket, LOADED)
    assert not WATCHED.is_loaded(ticket, SENT)
    assert WATCHED.is_loaded(other, SENT)


@pytest.mark.parametrize("written", [LOADED, str(LOADED), LOADED.hex, LOADED.int])
def test_the_same_token_may_be_written_in_another_way(written: Any) -> None:
    assert WATCHED.is_loaded(loaded(), written)


@pytest.mark.parametrize("written", [SENT, str(SENT), None, "", "no UUID at all", []])
def test_anything_else_is_another_token(written: Any) -> None:
    assert not WATCHED.is_loaded(loaded(), written)


def test_an_instance_that_was_never_saved_is_not_loaded() -> None:
    made = Ticket(pk=1, token=LOADED)
    assert not WATCHED.is_loaded(made, LOADED)
    made._state.adding = False
    assert not WATCHED.is_loaded(made, LOADED)


@pytest.mark.parametrize("make", COPIES)
def test_a_deferred_token_that_is_set_is_not_loaded(make: Callable[[Ticket], Ticket]) -> None:
    ticket = deferred()
    assert "token" in ticket.get_deferred_fields()
    ticket.token = LOADED
    assert not WATCHED.is_loaded(make(ticket), LOADED)


def test_a_token_of_bytes_can_be_pickled() -> None:
    ticket = loaded(memoryview(b"x"))
    ticket.token = LOADED
    assert WATCHED.is_loaded(thawed(ticket), b"x")


def test_neither_the_class_nor_the_dictionary_of_an_instance_changes_its_look() -> None:
    ticket = loaded()
    assert Ticket.token.field is TOKEN  # type: ignore[attr-defined]
    assert set(vars(ticket)) == {"_state"} | {
        field.attname for field in Ticket._meta.concrete_fields
    }
    del ticket.token
    with pytest.raises(AttributeError):
        del ticket.token


def test_to_watch_twice_changes_nothing() -> None:
    before = (vars(Ticket)["token"], TOKEN.pre_save, Ticket._do_update)  # type: ignore[attr-defined]
    watch([Ticket])
    assert before == (vars(Ticket)["token"], TOKEN.pre_save, Ticket._do_update)  # type: ignore[attr-defined]
    assert isinstance(before[0], LoadedValue)
