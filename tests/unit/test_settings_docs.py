"""The reference has every setting and check of the code, and no other, with its default."""

import re
from typing import Any

import pytest

from tests.support.documents import DOCS
from tests.support.manage import PROJECT
from tests.support.settings_in_code import environment_read, settings_read, sources, variables
from tickets.config import settings
from token_rotation.operations.options import DEFAULTS

TEXT = (DOCS / "reference" / "settings.md").read_text()
CHECKS = (DOCS / "reference" / "checks.md").read_text()
ROW = re.compile(r"^\| `([A-Z_]+)` \| (.+) \| (.+) \|$", re.MULTILINE)
UNSET = re.compile(r"(unset|none|empty|`[^`]*`|[\d.]+)(?=$|:| )")
IN_DEBUG_MODE = re.compile(r"\(in debug mode ([^)]+)\)")
OF_THE_SITE = re.compile(r"\(site: (?:`(\w+)` )?(\d+)\)")


def rows(heading: str) -> dict[str, tuple[str, str]]:
    """Meaning and default of each setting of a section."""
    section = TEXT.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    found = ROW.findall(section)
    assert len(found) == len({name for name, *_ in found}) == section.count("\n| `")
    return {name: (meaning, default) for name, meaning, default in found}


VARIABLES, SETTINGS = rows("Environment variables"), rows("Django settings")


def as_written(value: Any) -> set[str]:
    """The ways to write a default."""
    match value:
        case bool():
            return {f"`{value}`".lower()}
        case None:
            return {"unset", "none"}
        case "":
            return {"empty"}
        case [] | {}:
            return {"none"}
        case int() | float():
            return {f"{value}"}
        case _:
            return {f"`{value}`"}


def default_of(cell: str) -> str:
    found = UNSET.match(cell)
    assert found, cell
    return found[1]


def test_every_variable_has_a_row_and_every_row_a_variable() -> None:
    assert set(VARIABLES) == set(variables()) | environment_read()


def test_every_setting_has_a_row_and_every_row_a_setting() -> None:
    assert set(SETTINGS) == set(settings_read()) | set(DEFAULTS)


def test_nothing_else_is_looked_up_in_the_settings() -> None:
    """``settings.NAME`` is a variable of the ticket application's, or Django's own."""
    looked_up = {
        name
        for path in sources()
        for name in re.findall(r"\bsettings\.([A-Z][A-Z_]+)\b", path.read_text())
    }
    of_django = {"AUTH_USER_MODEL", "LOGGING", "LOGIN_URL", "SECRET_KEY", "TIME_ZONE", "USE_TZ"}
    assert looked_up - of_django <= {*VARIABLES, "TRUSTED_PROXIES"}


@pytest.mark.parametrize("name", VARIABLES)
def test_the_default_of_a_variable_is_that_of_the_code(name: str) -> None:
    cell = VARIABLES[name][1]
    unset, debugging = variables()[name], variables(DJANGO_DEBUG="yes")[name]
    if name == "TICKETS_VAR_DIR":
        unset = debugging = "var"
        assert variables()[name] == str(PROJECT / "var")
    assert default_of(cell) in as_written(unset)
    in_debug_mode = IN_DEBUG_MODE.search(cell)
    if name == "DJANGO_SECRET_KEY":
        assert in_debug_mode
        assert len(debugging) > 40
    elif name == "DJANGO_DEBUG":
        assert not in_debug_mode
    else:
        said = in_debug_mode[1] if in_debug_mode else default_of(cell)
        assert said in as_written(debugging)


def test_other_defaults_that_are_named_are_those_of_the_code() -> None:
    assert "(under `tickets.config.gunicorn` 60)" in VARIABLES["DATABASE_CONNECTION_SECONDS"][1]
    gunicorn = (PROJECT / "tickets" / "config" / "gunicorn.py").read_text()
    assert '.setdefault("DATABASE_CONNECTION_SECONDS", "60")' in gunicorn
    assert "(behind a TLS proxy 1)" in VARIABLES["DJANGO_TRUSTED_PROXIES"][1]
    assert variables(DJANGO_BEHIND_TLS_PROXY="yes")["DJANGO_TRUSTED_PROXIES"] == 1


@pytest.mark.parametrize("name", SETTINGS)
def test_the_default_of_a_setting_is_that_of_the_code(name: str) -> None:
    cell = SETTINGS[name][1]
    assert default_of(cell) in as_written({**settings_read(), **DEFAULTS}[name])
    of_the_site = OF_THE_SITE.search(cell)
    if of_the_site:
        option, number = of_the_site.groups()
        value = getattr(settings, name)
        assert (value[option] if option else value) == int(number)


@pytest.mark.parametrize("name", [*VARIABLES, *SETTINGS])
def test_a_time_has_its_unit_in_its_name_or_in_its_row(name: str) -> None:
    if name.endswith(("_LIMIT", "_TIMEOUT")):
        assert "seconds" in {**VARIABLES, **SETTINGS}[name][0]


def test_every_check_has_a_row_and_every_row_a_check() -> None:
    ids = re.compile(r"\"((?:token_rotation|token_rotation_operations|lookup_limit)\.[EW]\d{3})\"")
    raised = {one for path in sources() for one in ids.findall(path.read_text())}
    listed = "".join(re.findall(r"^\| (`.+?) \|", CHECKS, re.MULTILINE))
    assert sorted(re.findall(r"`([\w.]+\.[EW]\d{3})`", listed)) == sorted(raised)
