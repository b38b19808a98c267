"""The rules of formats for secret scanners."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping

from token_rotation.tokens.formats import TokenFormat
from token_rotation.tokens.pattern import bounded, pattern

Formats = Mapping[str, TokenFormat]
"""Formats that scanners can know, by the label of their target."""


def regex(formats: Formats) -> str:
    """Return a line for each: the label, a tab, the regular expression."""
    return "\n".join(f"{label}\t{pattern(each)}" for label, each in formats.items())


def gitleaks(formats: Formats) -> str:
    """Return a .gitleaks.toml that adds rules to the default ones."""
    rules = [
        "\n".join(
            (
                "[[rules]]",
                f"id = {json.dumps(_name(label))}",
                f"description = {json.dumps(f'A token of {label}')}",
                f"regex = {json.dumps(bounded(each))}",
                "secretGroup = 1",
                f"keywords = [{json.dumps(each.prefix.lower())}]",
            )
        )
        for label, each in formats.items()
    ]
    return "\n\n".join(("[extend]\nuseDefault = true", *rules))


def trufflehog(formats: Formats) -> str:
    """Return a YAML file for --config, with a custom detector for each."""
    rules = [
        "\n".join(
            (
                f"  - name: {json.dumps(_name(label))}",
                "    keywords:",
                f"      - {json.dumps(each.prefix)}",
                "    regex:",
                f"      token: {json.dumps(bounded(each))}",
            )
        )
        for label, each in formats.items()
    ]
    return "\n".join(("detectors:", *rules))


def github(formats: Formats) -> str:
    """Return fields of the form "New custom pattern"; its defaults fit what is around a token."""
    return "\n\n".join(
        f"Pattern name: {_name(label)}\nSecret format: {pattern(each)}"
        for label, each in formats.items()
    )


def _name(label: str) -> str:
    return label.lower().replace(".", "-")


RULES: dict[str, Callable[[Formats], str]] = {
    "regex": regex,
    "gitleaks": gitleaks,
    "trufflehog": trufflehog,
    "github": github,
}
"""By the name of the scanner."""
