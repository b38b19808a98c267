"""A job is given what its form has checked; its record keeps that, and no secret."""

import json
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from django import forms
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.validators import FileExtensionValidator

from token_rotation.jobs.errors import JobError, ParametersError
from token_rotation.jobs.job import Job
from token_rotation.jobs.outcome import described
from token_rotation.jobs.parameters.form import ensure_usable, explained, typed_values
from token_rotation.jobs.parameters.given import job_with

SECRET = "correct horse"


class FillForm(forms.Form):
    since = forms.DateField(help_text="First day.")
    price = forms.DecimalField(required=False)
    kinds = forms.MultipleChoiceField(choices=[("a", "A"), ("b", "B")], required=False)
    loud = forms.BooleanField(required=False)
    most = forms.IntegerField(initial=10, max_value=99, help_text="Most rows.")
    password = forms.CharField(widget=forms.PasswordInput, required=False, min_length=5)
    file = forms.FileField(required=False, validators=[FileExtensionValidator(["csv"])])


class Fill(Job):
    """Fill what is empty."""

    parameters_form = FillForm

    def collection(self) -> Any:
        raise NotImplementedError


class Anything(Fill):
    parameters_form = None


TYPED = [
    ("since", "2026-01-05"),
    ("price", "1.10"),
    ("kinds", "a"),
    ("kinds", "b"),
    ("loud", "true"),
]
CLEANED = {
    "since": date(2026, 1, 5),
    "price": Decimal("1.10"),
    "kinds": ["a", "b"],
    "loud": True,
    "most": 10,
    "password": "",
    "file": None,
}
RECORDED = {
    "since": "2026-01-05",
    "price": "1.10",
    "kinds": ["a", "b"],
    "loud": True,
    "most": 10,
    "password": None,
    "file": None,
}


def refusal(**values: Any) -> str:
    with pytest.raises(ParametersError) as refused, job_with(Fill, values):
        pass
    assert "\n" not in str(refused.value)
    return str(refused.value)


def test_what_is_typed_reaches_the_job_with_types_and_defaults() -> None:
    with job_with(Fill, typed_values(Fill, TYPED)) as job:
        assert job.parameters == CLEANED
        assert job.recorded_parameters == RECORDED


def test_a_record_gives_the_job_the_same_again() -> None:
    with job_with(Fill, json.loads(json.dumps(RECORDED))) as job:
        assert (job.parameters, job.recorded_parameters) == (CLEANED, RECORDED)


def test_every_error_is_on_one_line() -> None:
    said = refusal(since="tomorrow", most="100")
    assert said == (
        "Fill: since: Enter a valid date. most: Ensure this value is less than or equal to 99"
    )


def test_a_parameter_that_the_form_lacks_is_refused_with_those_it_has() -> None:
    assert refusal(sinse="x").startswith("Fill has no parameter 'sinse'; it has: since, price")


def test_yes_is_not_taken_for_true_nor_no_for_true() -> None:
    with pytest.raises(ParametersError, match="loud: type true or false"):
        typed_values(Fill, [("loud", "no")])


def test_a_secret_is_in_no_record_and_in_no_error() -> None:
    with job_with(Fill, {"since": "2026-01-05", "password": SECRET}) as job:
        assert job.parameters["password"] == SECRET
        assert job.recorded_parameters["password"] == "***"
        error = described(job, ValueError(f"no entry with {SECRET}"))
        assert SECRET not in json.dumps(error.as_json())
    assert "abc" not in refusal(since="2026-01-05", password="abc")
    with pytest.raises(ParametersError, match="--secret password"):
        typed_values(Fill, [("password", SECRET)])


def test_a_file_is_a_path_and_checked_by_its_form(tmp_path: Path) -> None:
    file = tmp_path / "numbers.csv"
    file.write_text("number\n1\n")
    with job_with(Fill, {"since": "2026-01-05", "file": str(file)}) as job:
        assert job.parameters["file"] == file
        assert job.recorded_parameters["file"] == str(file)
    assert "No such file" in refusal(since="2026-01-05", file=str(tmp_path / "none.csv"))
    assert "is not allowed" in refusal(
        since="2026-01-05", file=str(file.rename(tmp_path / "a.txt"))
    )


def test_a_file_in_memory_is_a_path_too() -> None:
    sent = SimpleUploadedFile("../numbers.csv", b"number\n1\n")
    with job_with(Fill, {"since": "2026-01-05", "file": sent}) as job:
        path = job.parameters["file"]
        assert path.read_bytes() == b"number\n1\n"
    assert not path.exists()


def test_without_a_form_json_is_read_as_that() -> None:
    values = typed_values(Anything, [("ids", "[1, 2]"), ("name", "ann")])
    with job_with(Anything, values) as job:
        assert job.parameters == job.recorded_parameters == {"ids": [1, 2], "name": "ann"}


def test_help_says_what_each_parameter_is() -> None:
    said = explained(Fill)
    assert said["--param since="] == "First day (required)"
    assert said["--param most="] == "Most rows (default: 10)"
    assert said["--secret password"] == ""
    assert said["--param kinds="] == "(one of a, b)"


def test_a_form_whose_values_have_no_single_name_is_refused() -> None:
    class Moment(Fill):
        class parameters_form(forms.Form):  # noqa: N801
            at = forms.SplitDateTimeField()

    with pytest.raises(JobError, match="at has several inputs"):
        ensure_usable(Moment)
