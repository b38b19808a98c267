"""The form that a job declares for its parameters."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from django import forms

from token_rotation.jobs.errors import JobError, ParametersError
from token_rotation.jobs.job import Job

RETRIED = "retry_set_aside_of"
"""The name, in a record, of the operation whose set-aside items a run processes."""


def ensure_usable(job: type[Job]) -> None:
    """Raise JobError for a form whose values cannot be recorded under one name each."""
    if job.parameters_form is None:
        return
    for name, field in job.parameters_form.base_fields.items():
        if name == RETRIED:
            raise JobError(f"{job.name}: no parameter may be named {name!r}")
        if isinstance(field, forms.MultiValueField) or isinstance(field.widget, forms.MultiWidget):
            raise JobError(f"{job.name}: {name} has several inputs; give each a field of its own")


def is_secret(field: forms.Field) -> bool:
    """Return True for a field whose value appears nowhere: one with a PasswordInput."""
    return isinstance(field.widget, forms.PasswordInput)


def is_file(field: forms.Field) -> bool:
    return isinstance(field, forms.FileField)


def form_of(job: type[Job], *args: Any, **kwargs: Any) -> forms.Form:
    """Return the form of a job's parameters; one without fields where it declares none."""
    return (job.parameters_form or forms.Form)(*args, **kwargs)


def typed_values(job: type[Job], typed: Iterable[tuple[str, str]]) -> dict[str, Any]:
    """Return what was typed as KEY=VALUE, as the job's form takes it.

    Without a form a value that is JSON is read as that. With one, a key of several values may come
    several times. Raises ParametersError.
    """
    if job.parameters_form is None:
        return {name: _json_or_text(text) for name, text in typed}
    fields = form_of(job).fields
    values: dict[str, Any] = {}
    for name, text in typed:
        field = fields.get(name)
        if field is not None and is_secret(field):
            raise ParametersError(
                f"{job.name}: {name} is secret, and others can see what you type here; "
                f"use --secret {name}, which asks for it, or reads it from standard input"
            )
        if getattr(getattr(field, "widget", None), "allow_multiple_selected", False):
            values.setdefault(name, []).append(text)
        elif type(field) is forms.BooleanField:
            values[name] = _truth(job, name, text)
        else:
            values[name] = text
    return values


def _json_or_text(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text


def _truth(job: type[Job], name: str, text: str) -> bool:
    try:
        return {"true": True, "1": True, "false": False, "0": False}[text.lower()]
    except KeyError:
        raise ParametersError(f"{job.name}: {name}: type true or false") from None


def complaint(job: type[Job], form: forms.Form, secrets: Iterable[str] = ()) -> str:
    """Return all errors of a form on one line, without a secret."""
    said = []
    for name, errors in form.errors.as_data().items():
        words = " ".join(message for each in errors for message in each.messages)
        if name in form.fields and is_secret(form.fields[name]):
            is_missing = any(each.code == "required" for each in errors)
            words = f"It is missing: --secret {name}." if is_missing else "It is not valid."
        said.append(f"{name}: {words}" if name in form.fields else words)
    return hide(" ".join(f"{job.name}: {' '.join(said)}".split()), secrets).rstrip(".")


def hide(text: str, secrets: Iterable[str]) -> str:
    """Return the text with stars for each secret value in it."""
    for secret in secrets:
        text = text.replace(secret, MASK)
    return text


MASK = "***"


def explained(job: type[Job]) -> Mapping[str, str]:
    """Return what to type for each parameter, and what it means."""
    fields = form_of(job).fields.items()
    return {
        f"--secret {name}" if is_secret(field) else f"--param {name}=": _explained(field)
        for name, field in fields
    }


def _explained(field: forms.Field) -> str:
    text = str(field.help_text or field.label or "").strip().rstrip(".")
    notes = []
    if is_file(field):
        notes.append("the path of a file")
    if field.required and field.initial is None:
        notes.append("required")
    elif field.initial is not None and not callable(field.initial):
        notes.append(f"default: {field.initial}")
    choices = [
        str(value)
        for value, label in _choices(field)
        if value and not isinstance(label, list | tuple)
    ]
    if choices:
        notes.append(f"one of {', '.join(choices)}")
    return f"{text} ({'; '.join(notes)})".strip() if notes else text


def _choices(field: forms.Field) -> list[Any]:
    """Return those that are written in the form: rows of a table may be many."""
    if isinstance(field, forms.ModelChoiceField) or not isinstance(field, forms.ChoiceField):
        return []
    written: Any = field.choices
    return list(written)
