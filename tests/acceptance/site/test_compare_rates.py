"""scripts/compare-rates runs the code of two revisions in turns and says how rates differ."""

import re
import subprocess
from pathlib import Path

import pytest

from tests.support.benchmark import own_server_environment
from tests.support.manage import PROJECT

if not (PROJECT / ".git").exists():
    pytest.skip("this is no checkout of git", allow_module_level=True)


def compare(scratch: Path, *words: str) -> "subprocess.CompletedProcess[str]":
    done = subprocess.run(
        [PROJECT / "scripts" / "compare-rates", *words],
        env=own_server_environment(scratch),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert [*scratch.iterdir()] == []
    return done


def test_each_pair_has_a_ratio_and_the_exit_code_judges_their_median(
    tmp_path: Path,
) -> None:
    done = compare(tmp_path, "HEAD", "--pairs", "1", "--rows", "300")
    pair, median = done.stdout.splitlines()
    assert re.fullmatch(r"pair 1: here [\d,]+ rows/s, there [\d,]+ rows/s, ratio [\d.]+", pair)
    found = re.fullmatch(r"median of 1 ratios: ([\d.]+) \(\1 to \1\)", median)
    assert found is not None
    assert done.returncode == (0 if 0.95 <= float(found[1]) <= 1.05 else 1), done.stderr


def test_a_revision_that_is_none_is_one_line(tmp_path: Path) -> None:
    done = compare(tmp_path, "no-such-revision")
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert "no-such-revision" in done.stderr
