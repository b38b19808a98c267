"""What the answers at the door prove."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from token_rotation import wording
from token_rotation.verification.door.answer import Answer, Reply
from token_rotation.verification.door.tally import Tally


@dataclass(frozen=True, slots=True)
class Control:
    """A token whose answer is known beforehand, and the answer that came."""

    is_good: bool
    reply: Reply

    @property
    def holds(self) -> bool:
        return self.reply.answer is (Answer.OPEN if self.is_good else Answer.REFUSED)

    @property
    def sentence(self) -> str:
        """Say why this answer makes the others worthless."""
        if self.is_good:
            return (
                f"The door cannot tell: it answered {self.reply.said} to a known good token, so "
                "its refusals prove nothing."
            )
        return (
            f"The door cannot tell: it answered {self.reply.said} to a random token. Check the "
            "URL, or say with --refused which statuses refuse a token."
        )


@dataclass(frozen=True, slots=True)
class DoorVerdict:
    """The answers to ``tally.tried`` of ``wanted`` tokens of a list of ``lines``."""

    lines: int
    wanted: int
    tally: Tally
    controls: tuple[Control, ...]

    @property
    def some_open(self) -> bool:
        return self.tally.open > 0 and not self._wrong

    @property
    def all_refused(self) -> bool:
        """Return True if every wanted token was refused at a door that is shown to open."""
        return self._only_refusals and self._shown_to_open

    @property
    def is_not_known(self) -> bool:
        """Return True if every wanted token was refused, perhaps by a door that never opens."""
        return self._only_refusals and not self._shown_to_open

    @property
    def _only_refusals(self) -> bool:
        return not self._wrong and self.tally.refused == self.wanted

    @property
    def _shown_to_open(self) -> bool:
        return self.tally.open > 0 or any(control.is_good for control in self.controls)

    @property
    def _wrong(self) -> list[Control]:
        return [control for control in self.controls if not control.holds]

    def sentences(self, list_name: str) -> Iterator[str]:
        """Say how many tokens were tried, what came of it, and what it proves."""
        tokens = wording.things(self.lines, "leaked token")
        yield f"{list_name}: tried {self.tally.tried:,} of {tokens}: {self._counts()}."
        if self._wrong:
            yield self._wrong[0].sentence
        elif self.tally.open:
            yield "Leaked tokens still open the application. Look at its caches and replicas."
        elif self.is_not_known:
            yield (
                "Not known: no valid token was tried, so perhaps the door opens to none, as at a "
                "mistyped URL. Nothing was changed. Run it again with --known-good FILE."
            )
        elif not self.all_refused:
            yield f"{self._doubt()} This is no proof. Try again, slower if need be."
            if not self._shown_to_open:
                yield "Add --known-good FILE: no valid token was tried."
        else:
            yield "No tried token opens anything."

    def _counts(self) -> str:
        unknown = self.tally.unknown
        said = ", ".join(f"{number:,} x {what}" for what, number in unknown.most_common())
        without = f" ({said})" if said else ""
        return (
            f"{self.tally.refused:,} refused, {self.tally.open:,} open, "
            f"{unknown.total():,} without a clear answer{without}"
        )

    def _doubt(self) -> str:
        left = self.wanted - self.tally.tried
        if left:
            return f"{wording.things(left, 'token')} of {self.wanted:,} were not tried."
        return "Some answers tell nothing."
