"""docker-compose.yml and Dockerfile keep what docs/how-to/containers.md says of them."""

import json
import re
import shlex
import sys
from typing import Any

import pytest
from ruamel.yaml import YAML

from tests.support.compose import COMPOSE, PROJECT, compose, run_alone
from tests.support.documents import commands
from tests.support.settings_in_code import variables

DOCKERFILE = (PROJECT / "Dockerfile").read_text()
SECRETS = {"POSTGRES_PASSWORD": "p", "DJANGO_SECRET_KEY": "s"}
EXACT = re.compile(r"[a-z]+:\d+\.\d+(\.\d+)?-[a-z0-9-]+@sha256:[0-9a-f]{64}$")
OURS = ("migrate", "web", "worker", "scheduler")
# What the file itself decides, and gunicorn's own.
PARTS = {f"DATABASE_{part}" for part in ("HOST", "PORT", "NAME", "USER", "PASSWORD")}
SET_HERE = {*PARTS, "CELERY_BROKER_URL", "TICKETS_VAR_DIR"}
GUNICORN = {"WEB_CONCURRENCY"}
SUBCOMMANDS = ("build", "exec", "run", "up")
DOCUMENTED = [
    shlex.split(words)
    for path in (PROJECT / "docs" / "how-to" / "containers.md",)
    for words in commands(path)
    if words.startswith("docker compose ")
]


@pytest.fixture(scope="module")
def services() -> dict[str, Any]:
    found: dict[str, Any] = YAML(typ="safe").load(COMPOSE)["services"]
    return found


def test_the_file_is_what_the_compose_specification_describes() -> None:
    check = run_alone(
        *(sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.compose-spec"),
        str(COMPOSE),
        env={},
    )
    assert check.returncode == 0, check.stdout


def test_docker_compose_finds_it_valid() -> None:
    found = compose("--profile", "workers", "config", "--quiet", env=SECRETS)
    assert (found.returncode, found.stderr) == (0, "")


@pytest.mark.parametrize("missing", SECRETS)
def test_docker_compose_refuses_to_start_without_a_secret(missing: str) -> None:
    env = {name: value for name, value in SECRETS.items() if name != missing}
    refused = compose("config", "--quiet", env=env)
    assert refused.returncode != 0
    assert f"set {missing}" in refused.stderr


@pytest.mark.parametrize("words", DOCUMENTED, ids=" ".join)
def test_docker_compose_knows_each_documented_command(words: list[str]) -> None:
    subcommand = next(place for place, word in enumerate(words) if word in SUBCOMMANDS)
    asked = [*words[2 : subcommand + 1], "--help", *words[subcommand + 1 :]]
    known = compose(*asked, env=SECRETS)
    assert (known.returncode, known.stderr) == (0, ""), known.stderr


def test_the_sites_settings_reach_its_containers_and_keep_their_defaults() -> None:
    """A variable without a value is one that is set only where somebody has set it."""
    found = compose("config", "--format", "json", env={**SECRETS, "LOOKUP_LIMIT_FAILURES": "0"})
    environment = json.loads(found.stdout)["services"]["web"]["environment"]
    # A URL from outside would compete with the parts.
    assert set(environment) == set(variables()) - {"DATABASE_URL"} | GUNICORN
    assert environment["LOOKUP_LIMIT_FAILURES"] == "0"
    given = {name for name, value in environment.items() if value is not None}
    assert given == {
        *SET_HERE,
        "DJANGO_SECRET_KEY",
        "DJANGO_ALLOWED_HOSTS",
        "LOOKUP_LIMIT_FAILURES",
    }


def test_every_secret_comes_from_the_environment_and_is_required() -> None:
    text = COMPOSE.read_text()
    for name in SECRETS:
        assert f"${{{name}:?set {name}}}" in text
        assert not re.search(rf"\$\{{{name}(?!:\?)", text)


def test_images_and_bases_are_pinned_to_exact_versions(services: dict[str, Any]) -> None:
    foreign = {name: one["image"] for name, one in services.items() if name not in OURS}
    assert set(foreign) == {"database", "redis"}
    bases = re.findall(r"^FROM (\S+)", DOCKERFILE, re.MULTILINE)
    for image in [*foreign.values(), *bases]:
        assert EXACT.match(image), image
    assert len(set(bases)) == 1


def test_nothing_runs_as_root(services: dict[str, Any]) -> None:
    assert re.findall(r"^USER (\S+)", DOCKERFILE, re.MULTILINE) == ["10001:10001"]
    for name, service in services.items():
        assert name in OURS or service["user"] not in {"root", "0"}


def test_our_containers_can_write_nothing_but_temporary_files(services: dict[str, Any]) -> None:
    for name in OURS:
        service = services[name]
        assert service["read_only"], name
        assert service["cap_drop"] == ["ALL"], name
        assert service["security_opt"] == ["no-new-privileges:true"], name
        assert "volumes" not in service, name


def test_whoever_is_to_be_mailed_can_be_named_and_reached(services: dict[str, Any]) -> None:
    table = (PROJECT / "docs" / "reference" / "settings.md").read_text()
    mail = set(re.findall(r"`(DJANGO_ADMINS|SERVER_EMAIL|EMAIL_\w+)`", table))
    assert {"DJANGO_ADMINS", "EMAIL_HOST", "SERVER_EMAIL"} <= mail
    for name in ("web", "worker", "scheduler"):
        assert mail <= set(services[name]["environment"]), name


def test_migrations_run_once_before_anything_serves(services: dict[str, Any]) -> None:
    assert services["migrate"]["restart"] == "no"
    assert services["migrate"]["depends_on"] == {"database": {"condition": "service_healthy"}}
    for name in ("web", "worker", "scheduler"):
        condition = services[name]["depends_on"]["migrate"]["condition"]
        assert condition == "service_completed_successfully", name


def test_only_web_is_reachable_and_only_from_this_machine(services: dict[str, Any]) -> None:
    ports = {name: one["ports"] for name, one in services.items() if "ports" in one}
    assert list(ports) == ["web"]
    assert all(port.startswith("127.0.0.1:") for port in ports["web"])


def test_celery_is_started_only_when_it_is_asked_for(services: dict[str, Any]) -> None:
    asked = {name for name, one in services.items() if one.get("profiles") == ["workers"]}
    assert asked == {"redis", "worker", "scheduler"}
    for name in ("database", "redis", "web"):
        assert services[name]["healthcheck"]["test"][0] == "CMD"


def test_data_is_kept_in_named_volumes(services: dict[str, Any]) -> None:
    volumes = YAML(typ="safe").load(COMPOSE)["volumes"]
    for name in ("database", "redis"):
        (mount,) = services[name]["volumes"]
        assert mount.partition(":")[0] in volumes


def test_the_image_holds_what_the_site_needs_and_nothing_else() -> None:
    copied = set(re.findall(r"^COPY (?!--from)(.+) \S+$", DOCKERFILE, re.MULTILINE))
    names = {name for line in copied for name in line.split()}
    allowed = {
        line[1:] for line in (PROJECT / ".dockerignore").read_text().splitlines() if line[:1] == "!"
    }
    assert names == allowed
    assert all((PROJECT / name).exists() for name in names)
