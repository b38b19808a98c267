"""The parameters of a job on the command line of ``run_job``."""

from __future__ import annotations

import sys
from argparse import ArgumentTypeError, HelpFormatter
from collections.abc import Mapping, Sequence
from getpass import getpass
from typing import Any

from django.core.management.base import CommandParser, DjangoHelpFormatter

from token_rotation.jobs.errors import ParametersError, UnknownJobError
from token_rotation.jobs.job import Job, summary_of
from token_rotation.jobs.parameters.form import explained, form_of, is_secret, typed_values
from token_rotation.jobs.registry import job_named


def add_parameters(parser: CommandParser) -> None:
    """Declare the flags for parameters."""
    parser.add_argument(
        "--param",
        action="append",
        default=[],
        type=_key_and_value,
        metavar="KEY=VALUE",
        help="a parameter of the job; run_job NAME --help lists them. Without a form of the job's, "
        "a value that is JSON is read as that",
    )
    parser.add_argument(
        "--secret",
        action="append",
        default=[],
        metavar="KEY",
        help="ask for a secret parameter, or read it from a line of standard input",
    )


def parameters_in(parsed: Mapping[str, Any]) -> dict[str, Any]:
    """Return what was typed for the job. Raises UnknownJobError, ParametersError."""
    job = job_named(parsed["name"])
    values = typed_values(job, parsed["param"])
    for name in parsed["secret"]:
        field = form_of(job).fields.get(name)
        if field is None or not is_secret(field):
            raise ParametersError(f"{job.name} has no secret parameter {name!r}; use --param")
        values[name] = _ask_for(name)
    return values


def describe_job(parser: CommandParser, words: Sequence[str]) -> None:
    """Let ``--help`` say what the job does that is named beside it, and its parameters."""
    job = _named(words)
    if job is None:
        return
    lines = [f"{job.name}: {summary_of(job)}".rstrip(": ")]
    explanations = explained(job)
    width = max(map(len, explanations), default=0)
    lines += [f"  {typed:{width}}  {text}".rstrip() for typed, text in explanations.items()]
    parser.epilog = "\n".join(lines)


class LinesFormatter(DjangoHelpFormatter):
    """Keeps the lines of a text that has several."""

    def _fill_text(self, text: str, width: int, indent: str) -> str:
        if "\n" in text:
            return text
        return HelpFormatter._fill_text(self, text, width, indent)  # noqa: SLF001


def _named(words: Sequence[str]) -> type[Job] | None:
    for word in words:
        try:
            return job_named(word)
        except UnknownJobError:
            continue
    return None


def _ask_for(name: str) -> str:
    if sys.stdin.isatty():
        return getpass(f"{name}: ")
    return sys.stdin.readline().rstrip("\n")


def _key_and_value(text: str) -> tuple[str, str]:
    key, separator, value = text.partition("=")
    if not separator or not key.isidentifier():
        raise ArgumentTypeError(f"{text!r} is not KEY=VALUE")
    return key, value
