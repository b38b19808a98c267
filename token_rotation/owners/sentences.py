"""Sentences about owners who are told."""

from __future__ import annotations

from token_rotation import wording
from token_rotation.owners.counts import OwnerCounts


def command(label: str, database: str) -> str:
    """Return the command that an operator types to tell owners."""
    suffix = "" if database == "default" else f" --database {database}"
    return f"python manage.py notify_owners {label}{suffix}"


def counts_as_sentence(counts: OwnerCounts) -> str:
    """Say how many are told or new, to be told, refused, without owner, not rotated."""
    nobody = f", {counts.nobody:,} without an owner to tell" if counts.nobody else ""
    return (
        f"{counts.told:,} told or new, {counts.to_tell:,} to be told, {counts.refused:,} refused, "
        f"{counts.not_rotated:,} not rotated{nobody}."
    )


def advice(counts: OwnerCounts, label: str, database: str) -> str:
    """Say what to type next, "" if nothing is left."""
    typed, said = command(label, database), []
    if counts.not_rotated:
        said.append("Rotate the rest, then tell its owners.")
    if counts.to_tell:
        said.append(f"To go on: {typed}")
    if counts.refused:
        said.append(f"To try refused owners once more: {typed} --again")
    return " ".join(said)


def canary_as_sentence(told: int, refused: int, label: str, database: str) -> str:
    """Say what to look at after a canary."""
    return (
        f"Canary: {wording.things(told, 'owner')} told, {refused:,} refused. Open a link, look for "
        f"bounces. Then: {command(label, database)}"
    )
