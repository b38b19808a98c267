"""The values that a run is given, as its job takes them and as its record keeps them."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.core.files.base import File
from django.core.serializers.json import DjangoJSONEncoder

from token_rotation.jobs.errors import ParametersError
from token_rotation.jobs.job import Job
from token_rotation.jobs.parameters.form import (
    MASK,
    RETRIED,
    complaint,
    form_of,
    is_file,
    is_secret,
)
from token_rotation.jobs.parameters.opening import opened, path_of


@contextmanager
def job_with(kind: type[Job], values: Mapping[str, Any]) -> Iterator[Job]:
    """Yield a job with these parameters: typed ones, those of a record, or of an upload.

    Its files are there while inside. Raises ParametersError, without a secret.
    """
    if RETRIED in values:
        raise ParametersError(f"{kind.name}: no parameter may be named {RETRIED!r}")
    if kind.parameters_form is None:
        job = kind(**values)
        job.recorded_parameters = dict(values)
        yield job
        return
    with ExitStack() as stack:
        form = _form(kind, values, stack)
        secrets = _secrets(form, values)
        if not form.is_valid():
            raise ParametersError(complaint(kind, form, secrets))
        job = kind(**{name: _as_job_takes_it(each) for name, each in form.cleaned_data.items()})
        job.recorded_parameters = _recorded(kind, form, values)
        job.secret_values = secrets
        yield job


def _form(kind: type[Job], values: Mapping[str, Any], stack: ExitStack) -> forms.Form:
    empty = form_of(kind)
    unknown = sorted(set(values) - set(empty.fields))
    if unknown:
        known = ", ".join(empty.fields) or "none"
        raise ParametersError(f"{kind.name} has no parameter {unknown[0]!r}; it has: {known}")
    initial = {name: empty.get_initial_for_field(it, name) for name, it in empty.fields.items()}
    given = {name: value for name, value in {**initial, **values}.items() if value is not None}
    files = {
        name: stack.enter_context(opened(kind, name, given.pop(name)))
        for name, field in empty.fields.items()
        if is_file(field) and name in given
    }
    return form_of(kind, given, files)


def _secrets(form: forms.Form, values: Mapping[str, Any]) -> tuple[str, ...]:
    names = [name for name, field in form.fields.items() if is_secret(field)]
    return tuple(str(values[name]).strip() for name in names if values.get(name))


def _as_job_takes_it(value: Any) -> Any:
    return path_of(value) if isinstance(value, File) else value


def _recorded(kind: type[Job], form: forms.Form, values: Mapping[str, Any]) -> dict[str, Any]:
    """Return JSON values from which the form makes the same again."""
    recorded = {}
    for name, field in form.fields.items():
        value = form.cleaned_data.get(name)
        if is_secret(field):
            recorded[name] = MASK if value else None
        elif is_file(field):
            recorded[name] = _recorded_file(values.get(name)) if value else None
        else:
            recorded[name] = None if value in field.empty_values else field.prepare_value(value)
    try:
        text = json.dumps(recorded, cls=DjangoJSONEncoder, allow_nan=False)
    except (TypeError, ValueError, ValidationError) as error:
        raise ParametersError(f"{kind.name}: a parameter cannot be recorded: {error}") from None
    stored: dict[str, Any] = json.loads(text)
    return stored


def _recorded_file(value: Any) -> Any:
    if isinstance(value, File):
        return value.name  # replaced by where it is stored, once it is
    return str(Path(value).absolute()) if isinstance(value, str | Path) else value
