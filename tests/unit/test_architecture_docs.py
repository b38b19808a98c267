"""The picture of the layers is that of the import contract."""

import re
import tomllib

from tests.support.documents import DOCS
from tests.support.manage import PROJECT

TEXT = (DOCS / "explanation" / "architecture.md").read_text()


def layers() -> list[str]:
    contracts = tomllib.loads((PROJECT / "pyproject.toml").read_text())["tool"]["importlinter"]
    (found,) = (
        contract["layers"]
        for contract in contracts["contracts"]
        if contract.get("containers") == ["token_rotation"]
    )
    return list(found)


def test_the_picture_is_the_contract() -> None:
    (picture,) = re.findall(r"^```text\n(.*?)^```$", TEXT, re.MULTILINE | re.DOTALL)
    assert picture.splitlines() == layers()


def test_every_folder_is_explained() -> None:
    explained = {
        name
        for cell in re.findall(r"^\| (`.+?) \|", TEXT, re.MULTILINE)
        for name in re.findall(r"`(\w+)`", cell)
    }
    folders = {
        path.parent.name
        for path in (PROJECT / "token_rotation").glob("*/__init__.py")
        if path.parent.name != "migrations"
    }
    assert folders - explained == set()
