"""Every command that a page tells people to type is run: here, or by the test that is named."""

import ast
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest
from django.core.management import get_commands, load_command_class
from django.core.management.base import DjangoHelpFormatter

from tests.support.documents import DOCS, Typed, commands, options, pages, typed
from tests.support.leaked import leak, value
from tests.support.manage import PROJECT

INSERT = """
INSERT INTO tickets_ticket (subject, status, created_at, token)
SELECT 'Ticket ' || n, 'open', now(), gen_random_uuid() FROM generate_series(1, 1200) AS n
"""
TOKENS = "SELECT string_agg(token::text, E'\\n') FROM tickets_ticket"
IMPORTED = "reference,subject,body\nr1,Printer,It smokes\nr2," + 201 * "x" + ",Too long\n"
FIGURE = re.compile(r"\d[\d,.:T+-]*")
PLURAL = re.compile(r"\bN (\w+)s\b")

# The pages whose commands are typed here, and the exit codes of these, in their order.
TYPED_HERE = {
    "how-to/after-a-leak.md": [0, 0, 3, 3, 3, 0, 0, 0, 0, 0, 0],
    "how-to/select-tokens.md": [0, 0, 0, 0],
    "how-to/prove.md": [3, 0, 0, 0, 3, 0, 0],
    "how-to/import-tickets.md": [3],
    "how-to/notify.md": [0],
    "how-to/keep-retired-tokens.md": [0, 0],
    "how-to/background-jobs.md": [0, 0],
    "reference/checks.md": [0, 0],
}

_SCRIPTS = "unit/test_scripts.py"
_WORKERS = "acceptance/workers"
# Where the others are run, and a word of theirs that the test, or what it imports, has.
RUN_BY: dict[str, tuple[str, str, str]] = {
    r"scripts/demo (100000|--page)|manage\.py .*": (
        "acceptance/site/test_demo.py",
        "test_the_demo_kills_a_rotation_resumes_it_and_proves_the_result",
        '"demonstration"',
    ),
    r"scripts/setup( dev)?": (
        _SCRIPTS,
        "test_setup_installs_when_a_lock_has_changed_and_only_then",
        '"setup"',
    ),
    r"scripts/test( tests/unit)?( -x)?": (
        _SCRIPTS,
        "test_every_check_is_made_and_one_that_fails_is_told_by_the_exit_code",
        '"test"',
    ),
    r"scripts/prose": (
        "unit/test_sentences.py",
        "test_every_sentence_of_pages_and_help_texts_is_short_enough",
        "sentences",
    ),
    r"scripts/mutants.*": (
        "unit/test_mutants.py",
        "test_python_is_changed_where_it_runs",
        "mutation",
    ),
    r"scripts/lock( --upgrade)?": (
        _SCRIPTS,
        "test_lock_writes_every_lock_and_the_smaller_ones_are_parts_of_the_greatest",
        '"lock"',
    ),
    r"scripts/screenshots": (
        _SCRIPTS,
        "test_pictures_are_made_by_the_test_that_takes_them",
        '"screenshots"',
    ),
    r"scripts/vendor": (
        _SCRIPTS,
        "test_vendor_refuses_an_archive_that_is_not_the_pinned_one",
        '"vendor"',
    ),
    r"scripts/bench.*": (  # each part is looked for below
        "acceptance/site/test_bench.py",
        "test_page_and_plots_show_what_was_measured",
        "--speed",
    ),
    r"scripts/install_services": (
        _SCRIPTS,
        "test_every_check_is_made_and_one_that_fails_is_told_by_the_exit_code",
        '"install_services"',
    ),
    r"scripts/test-matrix": (
        "unit/test_matrix.py",
        "test_the_page_shows_the_stored_results",
        "matrix",
    ),
    r"scripts/soak( --minutes 30.*| --minutes 1 --only .*)?": (
        "acceptance/faults/test_soak.py",
        "test_rounds_of_rotation_under_random_faults_are_clean",
        "--minutes",
    ),
    r"docker compose .*|export POSTGRES_PASSWORD=.*": (
        "unit/test_containers.py",
        "test_docker_compose_knows_each_documented_command",
        "containers.md",
    ),
    r"export DJANGO_SSL_REDIRECT=false": (
        "acceptance/site/test_containers.py",
        "test_the_documented_url_shows_the_site",
        "TO_SEE_IT",
    ),
    r"export DATABASE_URL=.*": (
        "unit/tickets/config/test_database.py",
        "test_every_part_of_the_url_is_used",
        "postgres",
    ),
    r"python manage\.py verify_tokens leaked\.txt --through .*": (
        "acceptance/proving/test_door.py",
        "test_before_a_rotation_the_site_opens_and_afterwards_it_refuses_each",
        "--through",
    ),
    r"python manage\.py fill_column shop\.Order --workers 2": (
        "acceptance/shadow/test_fill_column.py",
        "test_killed_again_and_again_two_workers_fill_every_row",
        "fill_column",
    ),
    r"python manage\.py notify_owners shop\.Order --(canary 10|workers 2|report)": (
        "acceptance/owners/test_owners_told.py",
        "test_a_refused_owner_is_reported_and_tried_again_when_asked_to",
        "notify_owners",
    ),
    r"\. \.venv/bin/activate|python manage\.py makemigrations( keys)?": (
        "acceptance/adopting/test_adopt_docs.py",
        "test_a_new_project_adopts_it_by_the_page_alone_and_withstands_stale_saves_and_kills",
        "ADOPT",
    ),
    r"python manage\.py migrate (token_rotation|token_rotation_operations) zero": (
        "acceptance/adopting/test_adopt_pages.py",
        "test_the_page_removes_it_from_a_model_of_ones_own_and_tokens_stay",
        "REMOVE",
    ),
    r"python manage\.py (check|rotate_tokens) --database acme( --report)?": (
        "acceptance/adopting/test_adopt_pages.py",
        "test_the_page_rotates_the_tokens_of_one_schema_and_no_other",
        "TENANTS",
    ),
    r"scripts/adoption-matrix": (
        "unit/test_adoption_matrix.py",
        "test_the_page_shows_the_stored_results",
        "adoption",
    ),
    r"python manage\.py rotate_tokens --async": (
        f"{_WORKERS}/test_distributed_rotation.py",
        "test_following_shows_all_workers_together_and_ends_with_them",
        "--async",
    ),
    r"python manage\.py rotate_tokens --follow": (
        f"{_WORKERS}/test_distributed_rotation.py",
        "test_the_end_of_following_is_not_the_end_of_the_rotation",
        "--follow",
    ),
    r"celery --app tickets\.config\.celery worker .*": (
        f"{_WORKERS}/test_runs.py",
        "test_a_worker_runs_the_actions_in_order_and_stores_their_results",
        "--concurrency",
    ),
    r"python manage\.py db_worker .*": (
        f"{_WORKERS}/test_django_tasks.py",
        "test_a_killed_worker_is_replaced_when_its_lease_ends_and_each_row_is_processed_once",
        "db_worker",
    ),
    r"python manage\.py watch_operations --every 60": (
        f"{_WORKERS}/test_django_tasks.py",
        "test_a_killed_worker_is_replaced_when_its_lease_ends_and_each_row_is_processed_once",
        "watch_operations",
    ),
    r"celery --app tickets\.config\.celery beat": (
        f"{_WORKERS}/test_scheduler.py",
        "test_stalled_and_failed_operations_are_mailed_by_the_periodic_task",
        '"beat"',
    ),
    r"openssl (genpkey|pkey) .*": (
        "acceptance/proving/test_signed_evidence.py",
        "test_it_is_signed_and_verified_and_each_change_is_found",
        '"$ openssl "',
    ),
    r"python manage\.py token_patterns --format gitleaks > \.gitleaks\.toml": (
        "acceptance/adopting/test_token_patterns.py",
        "test_a_token_that_no_scanner_can_know_has_no_rule",
        '"gitleaks"',
    ),
    r"python manage\.py token_patterns --check found\.txt": (
        "acceptance/adopting/test_token_patterns.py",
        "test_declared_migrated_inserted_and_rotated_tokens_are_well_formed",
        "found.txt",
    ),
    r"python manage\.py report_leak leaked\.txt": (
        "acceptance/proving/test_report_leak.py",
        "test_leaked_tokens_die_in_every_column_through_each_door_and_nothing_holds_one",
        "report_leak",
    ),
    r"gunicorn --config python:tickets\.config\.gunicorn.*": (
        "acceptance/site/test_web_server.py",
        "test_probes_and_static_files_are_served_whatever_the_host_is_called",
        "python:tickets.config.gunicorn",
    ),
    r"python manage\.py sendtestemail --admins": (
        "acceptance/site/test_deploy_check.py",
        "test_those_who_are_to_be_told_of_failures_can_be_mailed",
        "sendtestemail",
    ),
}
BEGINS_WITH_MIGRATE = "how-to/after-a-leak.md"
ROTATES_EACH_TIME = "how-to/select-tokens.md"
NAME_LEAKED_TOKENS = (ROTATES_EACH_TIME, "how-to/prove.md")
# With a receiver, and with a model that keeps retired tokens.
SETTINGS = {
    "how-to/notify.md": "tests.projects.listening.settings",
    "how-to/keep-retired-tokens.md": "tests.projects.retired_tokens.settings",
}
FOLLOWED_BY_A_TEST_OF_ITS_OWN = (
    "adopt/index.md",
    "adopt/psycopg.md",
    "tutorial/backfill.md",
    "how-to/go-through-items.md",
    "tutorial/new-project.md",
)

# Options of other programs that the pages mention.
OF_OTHERS = {
    *("--admins", "--check", "--deploy", "--help", "--update", "--verbosity"),  # Django
    *("--app", "--concurrency"),  # Celery
    *("--job-class", "--queue-name", "--with-scheduler"),  # workers of Django's Tasks framework
    *("--bind", "--config", "--threads", "--timeout", "--worker-class", "--workers"),  # gunicorn
    *("--build", "--detach", "--profile", "--rm", "--scale"),  # docker compose
    *("--page", "--port"),  # scripts/demo
    "--server-programs",  # pytest, in this project
    "--upgrade",  # scripts/lock
    *("--quiet", "--yes"),  # pip
    *("--dbname", "--file", "--table"),  # pg_dump
}
OURS = (
    "clean_up_tokens",
    "import_tickets",
    "notify_owners",
    "prune_retired_tokens",
    "replay_rotated_tokens",
    "report_leak",
    "rotate_tokens",
    "run_job",
    "seed_tickets",
    "token_patterns",
    "verify_evidence",
    "verify_tokens",
    "watch_operations",
)
SCRIPTS = ("bench", "mutation", "soak")


def elsewhere(words: str) -> tuple[str, str, str] | None:
    return next((by for shape, by in RUN_BY.items() if re.fullmatch(shape, words)), None)


def here(page: str) -> list[Typed]:
    """What is typed of a page, each command as often as it stands there."""
    return [each for each in typed(DOCS / page) if not elsewhere(each.words)]


def test_every_command_of_every_page_is_run_by_a_test() -> None:
    run = {each.words for page in TYPED_HERE for each in here(page)}
    left = {
        f"{page.name}: {words}"
        for page in pages()
        if not f"{page}".endswith(FOLLOWED_BY_A_TEST_OF_ITS_OWN)
        for words in commands(page)
        if words not in run and not elsewhere(words)
    }
    assert left == set()


def test_no_rule_says_where_a_command_is_run_that_no_page_has() -> None:
    found = {words for page in pages() for words in commands(page)}
    unused = [shape for shape in RUN_BY if not any(re.fullmatch(shape, each) for each in found)]
    assert unused == []


@pytest.mark.parametrize(("path", "name", "word"), RUN_BY.values())
def test_the_tests_that_run_the_others_are_there(path: str, name: str, word: str) -> None:
    file = PROJECT / "tests" / path
    text = file.read_text()
    functions = [node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.FunctionDef)]
    assert name in {function.name for function in functions}
    conftest = file.with_name("conftest.py")
    texts = [text, conftest.read_text() if conftest.exists() else ""]
    imported = re.findall(r"^from tests\.support\.(\w+) import", "\n".join(texts), re.MULTILINE)
    modules = [PROJECT / "tests" / "support" / f"{module}.py" for module in imported]
    texts += [module.read_text() for module in modules if module.exists()]
    assert any(word in text for text in texts)


def test_each_part_of_the_benchmark_that_a_page_runs_is_run_by_its_tests() -> None:
    documented = [words for page in pages() for words in commands(page) if "scripts/bench" in words]
    parts = {option for words in documented for option in re.findall(r"--[a-z]+", words)}
    tests = "".join(
        path.read_text() for path in (PROJECT / "tests").glob("acceptance/site/test_bench*")
    )
    assert {part for part in parts if f'"{part}"' not in tests} == set()


def test_the_pages_name_each_option_of_our_commands_and_no_other() -> None:
    of_the_commands: set[str] = set()
    for command in OURS:
        parser = load_command_class(get_commands()[command], command).create_parser("", command)
        django = {*DjangoHelpFormatter.show_last, "--help"}
        of_the_commands |= {
            option
            for action in parser._actions
            for option in action.option_strings
            if option.startswith("--") and option not in django
        }
    of_the_scripts: set[str] = set()
    for script in SCRIPTS:
        text = "".join(
            path.read_text() for path in (PROJECT / "scripts").glob(f"{script}*/arguments.py")
        )
        of_the_scripts |= set(re.findall(r"\"(--[a-z][a-z-]+)\"", text))
        of_the_scripts |= {
            f"--{part}" for part in re.findall(r"^    \"(\w+)\":", text, re.MULTILINE)
        }
    named = {option for page in pages() for option in options(page)}
    assert of_the_commands - named == set()
    assert named - of_the_commands - of_the_scripts - OF_OTHERS == set()


class Operator:
    """A person with a shell in a directory that looks like a checkout with an environment."""

    def __init__(self, directory: Path, database_url: str, settings: str) -> None:
        for name in ("manage.py", "requirements-celery.txt"):
            (directory / name).symlink_to(PROJECT / name)
        self._directory = directory
        others = ("DJANGO_", "TICKETS_")
        self._env = {
            **{name: value for name, value in os.environ.items() if not name.startswith(others)},
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
            "DATABASE_URL": database_url,
            "DJANGO_SETTINGS_MODULE": settings,
            "HEARD": f"{directory}/heard",
        }

    def type(self, words: str) -> tuple[int, list[str]]:
        """The exit code, and what was said."""
        done = subprocess.run(
            ["bash", "-c", words],
            cwd=self._directory,
            env=self._env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=120,
            check=False,
        )
        assert "Traceback" not in done.stdout, done.stdout
        return done.returncode, done.stdout.splitlines()


def shapes(lines: Iterable[str]) -> set[str]:
    return {PLURAL.sub(r"N \1", FIGURE.sub("N", line)).rstrip() for line in lines} - {""}


@pytest.mark.parametrize("page", TYPED_HERE)
def test_the_commands_of_a_page_do_what_it_says(
    page: str, tmp_path: Path, make_database: Callable[..., str], connect: Callable[[str], Any]
) -> None:
    """On tickets that have leaked, with the answers that the page shows."""
    database = make_database("0001" if page == BEGINS_WITH_MIGRATE else "latest")
    settings = SETTINGS.get(page, "tickets.config.settings")
    tickets, operator = connect(database), Operator(tmp_path, database, settings)
    if page in NAME_LEAKED_TOKENS:
        leak(tickets, 200)
    else:  # leaked where no guard gives them fresh ones
        tickets.cursor().execute(INSERT)
    (tmp_path / "tickets.csv").write_text(IMPORTED)
    for command, wanted in zip(here(page), TYPED_HERE[page], strict=True):
        if page == ROTATES_EACH_TIME or command == here(page)[0]:
            (tmp_path / "leaked.txt").write_text(value(tickets, TOKENS))
        code, said = operator.type(command.words)
        assert code == wanted, (command.words, said)
        assert shapes(command.output) <= shapes(said)
