"""Say what became of a report, in lines for people. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from token_rotation.intake.outcome import LeakOutcome
from token_rotation.wording import things


def sentences(outcome: LeakOutcome) -> Iterator[str]:
    """Yield what was done, then what is left and what to do about it."""
    reported = things(outcome.reported, "token")
    yield (
        f"{reported} reported: {len(outcome.found):,} found, {outcome.dropped:,} dropped as no "
        "token of a declared column."
    )
    for label, rows in outcome.rotated_rows.items():
        yield f"{label}: {things(rows, 'row')} rotated."
    if outcome.left:
        yield (
            f"{things(len(outcome.left), 'token')} still open something: others keep the rows "
            "locked, or PostgreSQL refuses. Run the same command again."
        )
    for label, keys in outcome.left_rows.items():
        yield f"{label}: they are in the rows with the keys {', '.join(keys)}."
    for label, reason in outcome.failures.items():
        yield f"{label}: {reason}. What it holds is not known. Mend that and run it again."
    for label in outcome.unsearched:
        yield (
            f"{label} holds hashes and was not searched. Name the function that makes them in "
            "TOKEN_ROTATION_INTAKE_HASHES."
        )
