"""What a trigger does: its function, and when it fires."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class FunctionDefinition:
    """A function as SQL creates it.

    ``signature`` is its name, with the types of its arguments. ``settings`` are those that it sets
    for itself, as PostgreSQL stores them: "search_path=pg_catalog".
    """

    signature: str
    body: str
    language: str
    is_security_definer: bool = False
    settings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class TriggerDefinition:
    """A trigger as SQL creates it.

    ``events`` are "INSERT", "UPDATE" or "DELETE"; ``condition`` is the SQL of its WHEN, "" for
    none. ``helpers`` are the functions that it calls, each in the versions that releases created.
    """

    function: FunctionDefinition
    timing: str
    events: frozenset[str]
    level: str
    condition: str = ""
    helpers: tuple[tuple[FunctionDefinition, ...], ...] = ()

    def statement(self, name: str, relation: str) -> str:
        """Return the SQL that creates the trigger on a relation."""
        when = f" WHEN ({self.condition})" if self.condition else ""
        events = " OR ".join(sorted(self.events))
        function = self.function.signature.partition("(")[0]
        return (
            f"CREATE TRIGGER {name} {self.timing} {events} ON {relation} FOR EACH {self.level}"
            f"{when} EXECUTE FUNCTION {function}()"
        )
