"""The value that an instance was loaded with, next to the one it has now.

It tells an application's own change of a token from a stale copy of an old one.
"""

from __future__ import annotations

from typing import Any

from django.core.exceptions import ValidationError
from django.db.models import Field, Model

from token_rotation.declare.watching.loading import (
    REFRESHING,
    tell_when_fetching_peers,
    tell_when_refreshing,
)
from token_rotation.declare.watching.uncommitted import UncommittedSave


class NotLoaded:
    """Stands for the value of a field that was never loaded.

    The class itself is stored: pickle keeps it what it is.
    """


class LoadedValue:
    """Class attribute of a field that remembers each instance's loaded value.

    It passes every access on to the attribute that was there before. The memory is in the
    instance's ``_state``: Django copies and pickles that with the instance, and no package compares
    or shows it.
    """

    def __init__(self, field: Field[Any, Any], wrapped: Any) -> None:
        self._field = field
        self._name = field.attname
        self._wrapped = wrapped
        self._sets_itself = hasattr(wrapped, "__set__")
        self._remembered = f"token_rotation_loaded_{field.attname}"
        self._saved = f"token_rotation_saved_{field.attname}"

    def __get__(self, instance: Model | None, owner: type[Model] | None = None) -> Any:
        if instance is not None and not self._sets_itself and self._name in instance.__dict__:
            return instance.__dict__[self._name]
        return self._wrapped.__get__(instance, owner)

    def __set__(self, instance: Model, value: Any) -> None:
        values = instance.__dict__
        before = values.get(self._name, NotLoaded)
        if self._sets_itself:
            self._wrapped.__set__(instance, value)
        else:
            values[self._name] = value
        state = values.get("_state")
        if state is None:
            return
        known = state.__dict__
        if state.adding or REFRESHING in known:
            known[self._remembered] = _lasting(values.get(self._name, NotLoaded))
            if self._saved in known and not known[self._saved].is_pending:
                del known[self._saved]  # what is read now does not come from that save
        elif self._remembered not in known:
            # It was deferred, or the instance was pickled before this class kept watch.
            known[self._remembered] = _lasting(before)

    def __delete__(self, instance: Model) -> None:
        if self._name not in instance.__dict__:
            raise AttributeError(self._name)
        del instance.__dict__[self._name]
        vars(_state(instance)).pop(self._remembered, None)

    def load(self, instance: Model, value: Any, saved: UncommittedSave | None = None) -> None:
        """Set the value as one that was read from the database.

        ``saved`` is the save that stored it, if a rollback may undo that.
        """
        self.__set__(instance, value)
        self.remember(instance, instance.__dict__[self._name])
        self.remember_save(instance, saved)

    def remember(self, instance: Model, value: Any) -> None:
        """Let this be the value that the instance was loaded with."""
        vars(_state(instance))[self._remembered] = _lasting(value)

    def remember_save(self, instance: Model, saved: UncommittedSave | None) -> None:
        """Let the loaded value be one that this save stored; None: one that stays."""
        known = vars(_state(instance))
        known.pop(self._saved, None)
        if saved is not None:
            known[self._saved] = saved

    def stands(self, instance: Model) -> bool:
        """Return False if the save that stored the loaded value was rolled back."""
        saved = vars(_state(instance)).get(self._saved)
        return saved is None or bool(saved.stands)

    def is_loaded(self, instance: Model, value: Any) -> bool:
        """Return True if the instance was loaded with this value, and it was not rolled back."""
        return self.holds_loaded(instance, value) and self.stands(instance)

    def holds_loaded(self, instance: Model, value: Any) -> bool:
        """Return True if the instance was loaded with this value.

        False for an instance that was made in Python and never saved: nobody knows what its row
        holds. The same token written in another way (text instead of UUID) is the same value.
        """
        state = _state(instance)
        if state.adding or state.db is None:
            return False
        if self._remembered not in state.__dict__:
            return True  # loaded before this class kept watch, and not set since
        loaded = state.__dict__[self._remembered]
        if loaded is NotLoaded or hasattr(value, "resolve_expression"):
            return False
        return bool(value == loaded) or self._is_same(value, loaded)

    def _is_same(self, value: Any, loaded: Any) -> bool:
        try:
            return bool(self._field.to_python(value) == self._field.to_python(loaded))
        except (TypeError, ValidationError, ValueError):
            return False  # Django will say so when it writes the value


def _lasting(value: Any) -> Any:
    """Return the value in a form that can be pickled, which a memoryview cannot be."""
    return bytes(value) if type(value) is memoryview else value


def _state(instance: Model) -> Any:
    return instance._state  # noqa: SLF001  (Django documents it)


def keep_watch(field: Field[Any, Any]) -> LoadedValue:
    """Let the field's model remember what its instances were loaded with.

    Children and proxies inherit it.
    """
    model, name = field.model, field.attname
    present = vars(model).get(name)
    if isinstance(present, LoadedValue):
        return present
    # An abstract base class may hold the attribute.
    wrapped = present if present is not None else getattr(model, name)
    watched = LoadedValue(field, wrapped)
    setattr(model, name, watched)
    tell_when_fetching_peers(wrapped)
    tell_when_refreshing(model)
    return watched
