"""What import_tickets says about files and arguments, and leaves behind."""

from collections.abc import Callable
from pathlib import Path

import pytest
from django.core.management import ManagementUtility

from tickets.models import ImportedTicket, Ticket
from token_rotation.operations.failures.alerts import reason
from token_rotation.operations.models import BatchOperation

pytestmark = pytest.mark.django_db(transaction=True)

HEADER = "reference,subject,body\n"

# import_tickets(argument, ...) -> (exit code, standard output, standard error)
Import = Callable[..., tuple[int, str, str]]


def lines(*numbers: int) -> str:
    return "".join(f"r{n},Subject {n},Body of {n}\n" for n in numbers)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "tickets.csv"


@pytest.fixture
def import_tickets(capsys: pytest.CaptureFixture[str]) -> Import:
    def run(*arguments: str) -> tuple[int, str, str]:
        code = 0
        try:
            ManagementUtility(["manage.py", "import_tickets", *arguments]).execute()
        except SystemExit as ended:
            code = int(ended.code or 0)
        said = capsys.readouterr()
        return code, said.out, said.err

    return run


def references() -> list[str]:
    return list(ImportedTicket.objects.order_by("reference").values_list("reference", flat=True))


def test_nothing_that_is_printed_or_recorded_holds_a_token(
    file: Path, import_tickets: Import
) -> None:
    file.write_text(HEADER + lines(*range(50)) + "bad\n")

    _, output, errors = import_tickets(str(file))

    said = output + errors + str(BatchOperation.objects.values().get())
    tokens = [str(token) for token in Ticket.objects.values_list("token", flat=True)]
    assert len(tokens) == 50
    assert not [token for token in tokens if token in said]


def test_bad_lines_are_named_and_the_good_ones_imported_once_mended_the_rest(
    file: Path, import_tickets: Import
) -> None:
    file.write_text(f"{HEADER}{lines(1)}r2,Subject 2\n{lines(3)},Subject 4,Body of 4\n")

    code, output, errors = import_tickets(str(file))

    bad = ["line 3: has 2 fields, the header has 3", "line 5: reference is empty"]
    assert code == 3
    assert errors.splitlines() == bad
    assert "Imported 2 tickets; 0 were there already, 2 bad lines." in output
    operation = BatchOperation.objects.get()
    assert operation.result == "successful"
    assert operation.output_data["first_bad_lines"] == bad

    file.write_text(HEADER + lines(1, 2, 3, 4))
    code, output, _ = import_tickets(str(file))

    assert code == 0
    assert "Imported 2 tickets; 2 were there already" in output
    assert references() == ["r1", "r2", "r3", "r4"]


def test_strict_stops_at_the_first_bad_line_and_keeps_the_good_ones_before_it(
    file: Path, import_tickets: Import
) -> None:
    file.write_text(f"{HEADER}{lines(1, 2, 3)}bad\n{lines(4, 5, 6)}bad\n")

    code, output, errors = import_tickets(str(file), "--strict", "--chunk-rows", "2")

    assert code == 3
    assert len(errors.splitlines()) == 1
    assert "Stopped at the first bad line; the good ones before it are in." in output
    assert references() == ["r1", "r2", "r3"]
    operation = BatchOperation.objects.get()
    assert operation.result == "failed"
    assert reason(operation).startswith("Stopped at the first bad line. line 5: ")


@pytest.mark.parametrize(
    ("contents", "wanted"),
    [
        (b"", "the file is empty"),
        (b"subject;body\n", "the header is wrong"),
        ("reference,subject,body\nr,ü,b\n".encode("utf-16"), "UTF-16"),
        (b"x" * 2_000_000, "line 1 is longer than"),
        (
            b'reference,subject,body\nr,s,"' + b"x\n" * 1_000_000,
            "perhaps a quote is not closed. Nothing",
        ),
    ],
    ids=["empty", "header", "utf-16", "one long line", "open quote"],
)
def test_a_file_that_is_no_such_csv_is_one_clear_line(
    contents: bytes, wanted: str, file: Path, import_tickets: Import
) -> None:
    file.write_bytes(contents)

    code, _, errors = import_tickets(str(file))

    (line,) = errors.splitlines()
    assert code == 1
    assert wanted in line
    assert "Nothing was imported" in line
    assert BatchOperation.objects.get().result == "failed"


@pytest.mark.parametrize(
    ("arguments", "wanted"),
    [
        (["missing.csv"], "No such file or directory"),
        (["/tmp"], "is a directory"),
        ([], "FILE.csv"),
        (["x.csv", "--chunk-rows", "0"], "--chunk-rows"),
        (["x.csv", "--chunk-rows", "10001"], "more than 10000"),
        (["x.csv", "--database", "elsewhere"], "elsewhere"),
    ],
)
def test_bad_arguments_are_one_line_and_leave_no_record(
    arguments: list[str], wanted: str, import_tickets: Import
) -> None:
    code, _, errors = import_tickets(*arguments)

    (line,) = errors.splitlines()
    assert code == 1
    assert wanted in line
    assert "Nothing was" in line
    assert BatchOperation.objects.count() == 0
