"""What the pages point at is there: other pages, their headings, files and tests."""

import re
from pathlib import Path

import pytest

from tests.support.documents import BLOCK, DOCS, pages
from tests.support.manage import PROJECT

MOST_WORDS = 28_000 * 2 // 3
"""Of README and docs, so that a reader finds things: two thirds of what they once were."""

PAGES = [*pages(), PROJECT / "CHANGELOG.md"]
TESTS = {
    name
    for path in (PROJECT / "tests").rglob("test_*.py")
    for name in re.findall(r"^\s*def (test_\w+)", path.read_text(), re.MULTILINE)
}


def name_of(page: Path) -> str:
    return str(page.relative_to(PROJECT))


def anchors(page: Path) -> set[str]:
    """As GitHub makes them of headings."""
    headings = re.findall(r"^#+ (.+)$", BLOCK.sub("", page.read_text()), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_every_link_leads_to_a_page_and_a_heading(page: Path) -> None:
    for target in re.findall(r"\]\(([^)\s]+)\)", page.read_text()):
        path, _, anchor = target.partition("#")
        if target.startswith("http"):
            continue
        found = (page.parent / path) if path else page
        assert found.exists(), target
        assert not anchor or anchor in anchors(found), target


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_every_test_and_file_that_is_named_is_there(page: Path) -> None:
    code = re.findall(r"`([^`\n]+)`", page.read_text())
    tests = {each.rpartition("::")[2] for each in code if re.fullmatch(r"(.*::)?test_\w+", each)}
    assert tests - TESTS == set()
    paths = {
        each.partition("::")[0]
        for each in code
        if re.match(r"(tests|tickets|token_rotation|scripts|migrations|docs)/[\w/.]+(::|$)", each)
    }
    assert {path for path in paths if not (PROJECT / path).exists()} == set()


@pytest.mark.parametrize("folder", ["token_rotation", "tickets", "scripts", "tests"])
def test_every_page_that_code_names_is_there(folder: str) -> None:
    named = {
        (name_of(path), page)
        for path in (PROJECT / folder).rglob("*")
        if path.suffix in {".py", ".html", ".txt", ".toml", ".ini", ".sh"}
        for page in re.findall(r"(?<![\w/.])docs/[\w/-]+\.md", path.read_text())
    }
    assert {(path, page) for path, page in named if not (PROJECT / page).exists()} == set()


def test_the_first_page_is_short_enough_for_somebody_in_a_hurry() -> None:
    assert len((PROJECT / "README.md").read_text().split()) <= 900


@pytest.mark.parametrize("page", sorted(DOCS.rglob("*.md")), ids=name_of)
def test_a_page_begins_with_what_it_is_for(page: Path) -> None:
    """A heading, then a paragraph: no table, list or block before the reader knows why."""
    heading, blank, first, *_ = page.read_text().splitlines()
    assert heading.startswith("# ")
    assert blank == ""
    assert re.match(r"[A-Z]", first)


def test_readme_and_docs_stay_short() -> None:
    words = " ".join(path.read_text() for path in (PROJECT / "README.md", *DOCS.rglob("*.md")))
    assert sum(any(map(str.isalnum, word)) for word in words.split()) <= MOST_WORDS
