"""Both drivers stand behind the same names, whichever of them is installed."""

import ast
from pathlib import Path

from token_rotation.postgres import driver

ROOM = Path(driver.__file__).parent


def offered(package: str) -> list[str]:
    """What ``__all__`` lists, read without an import."""
    for node in ast.parse((ROOM / package / "__init__.py").read_text()).body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__":
            return list(ast.literal_eval(node.value))
    raise AssertionError(f"{package} has no __all__")


def test_both_drivers_offer_the_same_names() -> None:
    names = offered("psycopg2")
    assert len(names) > 20
    assert offered("psycopg3") == names
    assert [name for name in names if not hasattr(driver, name)] == []
