"""The documented variables are all that a deployment needs, and the public defaults are safe."""

import pytest

from tests.support.manage import Manage

DEPLOYED = {
    "DJANGO_SECRET_KEY": "only-for-this-test-" + "".join(map(chr, range(48, 91))),
    "DJANGO_ALLOWED_HOSTS": "tickets.example.com",
}


def test_check_deploy_is_clean_with_the_documented_variables(manage: Manage) -> None:
    result = manage(
        *("check", "--deploy", "--fail-level", "WARNING"), database_url=None, env=DEPLOYED
    )
    assert result.returncode == 0, result.stderr
    assert "no issues" in result.stdout


def test_check_deploy_complains_in_debug_mode(manage: Manage) -> None:
    result = manage(
        *("check", "--deploy", "--fail-level", "WARNING"),
        database_url=None,
        env={**DEPLOYED, "DJANGO_DEBUG": "1"},
    )
    assert result.returncode == 1
    assert "security.W018" in result.stderr


def test_management_commands_need_no_variable_at_all(manage: Manage, database_url: str) -> None:
    assert manage("showmigrations", database_url=database_url).returncode == 0


def test_those_who_are_to_be_told_of_failures_can_be_mailed(manage: Manage) -> None:
    env = {
        "DJANGO_ADMINS": "on-call@example.com,head@example.com",
        "SERVER_EMAIL": "tickets@example.com",
        "EMAIL_BACKEND": "django.core.mail.backends.console.EmailBackend",
    }
    result = manage("sendtestemail", "--admins", database_url=None, env=env)
    assert result.returncode == 0, result.stderr
    assert "From: tickets@example.com\nTo: on-call@example.com, head@example.com" in result.stdout


LOAD_THE_SITE = "import tickets.config.wsgi"


def test_serving_needs_a_secret_key(manage: Manage) -> None:
    result = manage("shell", "-c", LOAD_THE_SITE, database_url=None)
    assert result.returncode == 1
    assert result.stderr == (
        "manage.py: DJANGO_SECRET_KEY is not set: set it, or DJANGO_DEBUG=1 for development\n"
    )


@pytest.mark.parametrize("env", [DEPLOYED, {"DJANGO_DEBUG": "1"}])
def test_serving_works_with_a_secret_key_or_in_debug_mode(
    manage: Manage, env: dict[str, str]
) -> None:
    result = manage("shell", "-c", LOAD_THE_SITE, database_url=None, env=env)
    assert result.returncode == 0, result.stderr


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("DJANGO_DEBUG", "perhaps"),
        ("DJANGO_TRUSTED_PROXIES", "-1"),
        ("LOOKUP_LIMIT_FAILURES", "many"),
        ("LOOKUP_LIMIT_SECONDS", "0"),
    ],
)
def test_a_malformed_variable_is_one_clear_line(manage: Manage, name: str, value: str) -> None:
    result = manage("check", database_url=None, env={name: value})
    assert result.returncode == 1
    assert result.stderr.count("\n") == 1
    assert name in result.stderr
