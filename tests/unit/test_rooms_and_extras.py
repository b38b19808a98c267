"""Each optional room of the library needs its extra, and nothing else needs any."""

import json
import subprocess
import sys
import tomllib
from importlib.metadata import distribution, packages_distributions
from itertools import chain

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.support.manage import PROJECT

ROOMS = {
    "celery": ("token_rotation.operations.tasks", "token_rotation.operations.worker"),
    "intake": ("token_rotation.intake.partner.signature",),
    "metrics": ("token_rotation.metrics",),
    "page": ("token_rotation.page",),
    "signed": ("token_rotation.reporting.signed.keys",),
}
OTHER_DRIVER = "token_rotation.postgres.driver.psycopg3"
IMPORT_EVERYTHING = """
import json, sys
from importlib import import_module
from pathlib import Path

absent, apps = json.load(sys.stdin)
sys.modules.update(dict.fromkeys(absent))

import django
from django.conf import settings

settings.configure(
    DATABASES={"default": {"ENGINE": "django.db.backends.postgresql"}},
    DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
    INSTALLED_APPS=apps,
)
django.setup()
failed = {}
for path in sorted(Path("token_rotation").rglob("*.py")):
    name = ".".join(path.with_suffix("").parts).removesuffix(".__init__")
    try:
        import_module(name)
    except ModuleNotFoundError as error:
        failed[name] = error.name
print(json.dumps(failed))
"""
APPS = [
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "pgtrigger",
    "token_rotation",
    "token_rotation.operations",
]


def failing(*extras: str) -> dict[str, str]:
    """The modules that cannot be imported where only these extras are, and what each misses."""
    project = tomllib.loads((PROJECT / "pyproject.toml").read_text())["project"]
    chosen = [project["optional-dependencies"][extra] for extra in ("binary", *extras)]
    present = closure([*project["dependencies"], *chain(*chosen)])
    absent = [
        package
        for package, owners in packages_distributions().items()
        if not present & {canonicalize_name(owner) for owner in owners}
    ]
    done = subprocess.run(
        [sys.executable, "-c", IMPORT_EVERYTHING],
        cwd=PROJECT,
        input=json.dumps([absent, APPS]),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found: dict[str, str] = json.loads(done.stdout)
    return found


def closure(requirements: list[str]) -> set[str]:
    """The distributions that pip would install for these, as installed here."""
    found: set[str] = set()
    waiting = [(Requirement(each), "") for each in requirements]
    while waiting:
        requirement, extra = waiting.pop()
        marker = requirement.marker
        name = canonicalize_name(requirement.name)
        if name in found or (marker is not None and not marker.evaluate({"extra": extra})):
            continue
        found.add(name)
        needed = [Requirement(each) for each in distribution(name).requires or []]
        for extra in ("", *requirement.extras):
            waiting += [(each, extra) for each in needed]
    return found


def test_without_extras_everything_is_usable_but_the_rooms_that_need_them() -> None:
    failed = failing()
    rooms = (*chain(*ROOMS.values()), OTHER_DRIVER)
    assert {name for name in failed if not name.startswith(rooms)} == set()
    for room in ROOMS.values():
        assert any(name.startswith(room) for name in failed), f"{room} needs no extra"


@pytest.mark.parametrize("extra", ROOMS)
def test_an_extra_alone_opens_its_room(extra: str) -> None:
    failed = failing(extra)
    assert {
        name: missing for name, missing in failed.items() if name.startswith(ROOMS[extra])
    } == {}
