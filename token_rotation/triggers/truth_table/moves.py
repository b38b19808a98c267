"""The verdict on an UPDATE that moves its row to another partition."""

from __future__ import annotations

from token_rotation.triggers.truth_table.inserts import Insertion, Sent, insert_verdict_of
from token_rotation.triggers.truth_table.update_cases import UNCHANGED, Case
from token_rotation.triggers.truth_table.updates import verdict_before
from token_rotation.triggers.truth_table.words import Change, Known, Token, Verdict

_SENT = {Known.MISSED: Sent.MISSED, Known.HELD: Sent.HELD, Known.UNSURE: Sent.UNSURE}


def moved_verdict_of(case: Case) -> Verdict:
    """Return the verdict on an UPDATE that moves its row to another partition.

    The update guard decides first. The row that it leaves is deleted and inserted; the insert guard
    leaves it alone if its token is the stored one.
    """
    left = verdict_before(case)
    if case.change in UNCHANGED or left.token in {Token.STORED, Token.NONE}:
        return left
    inserted = insert_verdict_of(Insertion(_inserted(case), accept=case.accept))
    if inserted.token is Token.NONE:
        return inserted
    token = left.token if inserted.token is Token.SENT else inserted.token
    return Verdict(token, inserted.marker, left.said)


def _inserted(case: Case) -> Sent:
    if case.change is Change.TAKEN_AWAY:
        return Sent.ALLOWED_ABSENT
    return _SENT.get(case.known, Sent.PRESENT)
