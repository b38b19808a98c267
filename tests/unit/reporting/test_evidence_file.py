"""Evidence is written as a whole or not at all."""

import json
import os
from pathlib import Path

import pytest

from token_rotation.errors import EvidenceError
from token_rotation.reporting.evidence_file import EvidenceFile


def test_a_file_that_is_there_is_replaced_as_a_whole(tmp_path: Path) -> None:
    path = tmp_path / "evidence.json"
    path.write_text("older")
    evidence = EvidenceFile(str(path))
    assert path.read_text() == "older"
    evidence.write({"answer": 0})
    assert json.loads(path.read_text()) == {"answer": 0}
    assert list(tmp_path.iterdir()) == [path]


def test_what_a_link_leads_to_is_replaced_and_the_link_stays(tmp_path: Path) -> None:
    path, link = tmp_path / "evidence.json", tmp_path / "link"
    link.symlink_to(path)
    EvidenceFile(str(link)).write({"answer": 0})
    assert link.is_symlink()
    assert json.loads(path.read_text()) == {"answer": 0}


def test_no_pipe_or_terminal_is_replaced(tmp_path: Path) -> None:
    pipe, link = tmp_path / "pipe", tmp_path / "stdout"
    os.mkfifo(pipe)
    link.symlink_to(pipe)
    for name in (pipe, link):
        with pytest.raises(EvidenceError, match="no regular file"):
            EvidenceFile(str(name))
    assert pipe.is_fifo()
    assert link.is_symlink()


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
