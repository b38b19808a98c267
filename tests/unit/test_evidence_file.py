"""Evidence is written as a whole or not at all."""

import json
from pathlib import Path

import pytest

from tickets.rotation.errors import EvidenceError
from tickets.rotation.evidence_file import EvidenceFile


def test_a_file_that_is_there_is_replaced_as_a_whole(tmp_path: Path) -> None:
    path = tmp_path / "evidence.json"
    path.write_text("older")
    evidence = EvidenceFile(str(path))
    assert path.read_text() == "older"
    evidence.write({"answer": 0})
    assert json.loads(path.read_text()) == {"answer": 0}
    assert list(tmp_path.iterdir()) == [path]


def test_evidence_that_cannot_be_written_leaves_the_older_file(tmp_path: Path) -> None:
    path = tmp_path / "evidence.json"
    evidence = EvidenceFile(str(path))
    evidence.write({"answer": 0})
    with pytest.raises(TypeError):
        evidence.write({"answer": object()})
    assert json.loads(path.read_text()) == {"answer": 0}
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("name", ["", "missing/evidence.json"])
def test_a_place_that_cannot_be_written_is_named_at_once(tmp_path: Path, name: str) -> None:
    with pytest.raises(EvidenceError, match=r"cannot be written: .*Nothing was done"):
        EvidenceFile(f"{tmp_path}/{name}")
