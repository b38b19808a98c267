"""Lists of leaked tokens and of keys, as files hold them."""

import io
import sys
import tracemalloc
from contextlib import closing
from pathlib import Path
from uuid import UUID, uuid4

import pytest

from token_rotation.errors import ListError
from token_rotation.postgres.copy_stream import CopyStream
from token_rotation.selection.leak_list import LeakList, open_list
from token_rotation.selection.list_file import LONGEST_LINE_BYTES
from token_rotation.selection.list_kinds import Kind, read_sha256

TOKENS = Kind("tokens", frozenset({"token", "tokens"}), lambda text: str(UUID(text)))
KEYS = Kind("keys", frozenset({"id", "pk"}), lambda text: str(int(text)))
TEXTS = Kind("tokens", frozenset({"secret"}), str)
HASHES = Kind("hashes", frozenset({"sha256"}), read_sha256)
TOKEN = "9f8e7d6c-5b4a-4321-8765-43210fedcba9"
OTHER = "00000000-0000-4000-8000-000000000001"


def listed(text: str, *kinds: Kind, wanted: str | None = None) -> LeakList:
    return LeakList(io.BytesIO(text.encode()), "leaked.txt", kinds or (TOKENS, KEYS), wanted)


@pytest.mark.parametrize(
    ("text", "kind", "values"),
    [
        (f"{TOKEN}\n{OTHER}\n", "tokens", [TOKEN, OTHER]),
        (f"\ufeff{TOKEN.upper()}\r\n\r\n  {OTHER}  ", "tokens", [TOKEN, OTHER]),
        ("7\n-8\n", "keys", ["7", "-8"]),
        (f'subject,TOKEN\n"a, b",{TOKEN}\nc,"{OTHER}"\n', "tokens", [TOKEN, OTHER]),
        ("pk\n1\n", "keys", ["1"]),
    ],
)
def test_lines_and_csv_are_read_and_what_they_hold_is_recognised(
    text: str, kind: str, values: list[str]
) -> None:
    found = listed(text)
    assert (found.kind.name, found.lines) == (kind, len(values))
    assert list(found.values()) == values
    assert list(found.chunks(1)) == [[value] for value in values]  # again from the beginning


@pytest.mark.parametrize(
    ("text", "kinds"),
    [
        ("123\n", (TEXTS, KEYS)),
        ("secret,id\nx,1\n", (TEXTS, KEYS)),
        ("a" * 64, (TEXTS, HASHES)),
    ],
)
def test_what_may_be_either_is_asked_for(text: str, kinds: tuple[Kind, Kind]) -> None:
    words = {"keys": "--list-of keys", "hashes": "--list-of hashes"}[kinds[1].name]
    with pytest.raises(ListError, match=f"say which with --list-of tokens or {words}"):
        listed(text, *kinds)
    assert listed(text, *kinds, wanted=kinds[1].name).kind is kinds[1]
    assert listed(text, *kinds, wanted=kinds[0].name).kind is kinds[0]


@pytest.mark.parametrize(
    "first",
    ["1,tk_ab", "tk_ab;1", '"tk_ab"', "tk_ab\t1", " tk_ab | 1", "https://x/t/tk_ab/", "no;token"],
)
def test_a_first_line_that_is_more_than_a_value_is_asked_about_where_all_text_could_be_one(
    first: str,
) -> None:
    with pytest.raises(ListError, match="If it is one, say --list-of tokens") as refused:
        listed(f"{first}\n", TEXTS)
    assert "tk_ab" not in str(refused.value)
    assert list(listed(f"{first}\n", TEXTS, wanted="tokens").values()) == [first.strip()]


@pytest.mark.parametrize("text", ["", "\n\n", "token\n", "subject\nhello\n", f"{TOKEN},x\n"])
def test_a_list_without_a_value_is_refused(text: str) -> None:
    with pytest.raises(ListError, match="holds"):
        listed(text)


def test_a_header_that_names_no_column_of_what_was_asked_for_is_refused() -> None:
    with pytest.raises(ListError, match="its header names no keys"):
        listed(f"token\n{TOKEN}\n", wanted="keys")


@pytest.mark.parametrize("text", ["id\n1\n2\n", " Status \nopen\n", "status,id\nopen,1\n"])
def test_a_header_that_names_another_column_is_no_value(text: str) -> None:
    others = frozenset({"id", "status"})
    with pytest.raises(ListError, match=r"its header names the column (id|status)\. Nothing was d"):
        LeakList(io.BytesIO(text.encode()), "leaked.txt", [TEXTS, HASHES], None, others)


def test_a_list_said_to_be_of_tokens_may_begin_with_the_name_of_a_column() -> None:
    file = io.BytesIO(b"id\n1\n")
    found = LeakList(file, "leaked.txt", [TEXTS, HASHES], "tokens", frozenset({"id"}))
    assert list(found.values()) == ["id", "1"]


def test_malformed_lines_are_named_by_number_and_never_quoted() -> None:
    bad = ["classified", "two,cells", "x" * (LONGEST_LINE_BYTES + 5), "0x12"]
    text = "\n".join([TOKEN, bad[0], "", OTHER, *bad[1:], TOKEN])
    with pytest.raises(ListError) as refused:
        listed(text)
    assert str(refused.value) == (
        "4 of the 7 lines of leaked.txt hold nothing that could be one of the tokens: "
        "line 2, 5, 6, 7"
    )


def test_bytes_that_are_no_text_make_a_malformed_line() -> None:
    file = io.BytesIO(TOKEN.encode() + b"\n\xff\xfe\n")
    with pytest.raises(ListError, match="line 2"):
        LeakList(file, "leaked.txt", [TOKENS], None)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(ListError, match="No such file"):
        open_list(str(tmp_path / "missing"), [TOKENS])


def test_memory_does_not_grow_with_the_list(tmp_path: Path) -> None:
    path = tmp_path / "leaked.txt"
    path.write_text("".join(f"{uuid4()}\n" for _ in range(20_000)))
    tracemalloc.start()
    try:
        with closing(open_list(str(path), [TOKENS, KEYS])) as found:
            stream = CopyStream(value.encode() for value in found.values())
            while stream.read(8192):
                pass
        assert tracemalloc.get_traced_memory()[1] < 400_000  # bytes; the file has 740,000
    finally:
        tracemalloc.stop()


def test_copy_data_has_postgresqls_binary_form() -> None:
    stream = CopyStream([b"ab", b""])
    parts = [stream.read(7) for _ in range(20)]
    assert b"".join(parts) == (
        b"PGCOPY\n\xff\r\n\0" + bytes(8) + b"\0\1\0\0\0\2ab" + b"\0\1\0\0\0\0" + b"\xff\xff"
    )
    assert CopyStream([b"ab"]).read() == CopyStream([b"ab"]).read(10_000)


def test_standard_input_that_is_closed_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", None)  # as Python has it then
    with pytest.raises(ListError, match=r"^standard input cannot be read: it is closed$"):
        open_list("-", [TOKENS], None)
