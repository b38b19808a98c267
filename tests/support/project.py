"""A Django project of somebody else's, in a directory of its own, that uses the reusable apps."""

import os
import re
import subprocess
import sys
from pathlib import Path
from subprocess import CompletedProcess, Popen
from textwrap import dedent

from tests.support.forking.client import OF_OTHERS, OF_RELEASES, ForkServer
from tests.support.manage import PROJECT

SETTINGS = """
import os
from urllib.parse import urlsplit

url = urlsplit(os.environ["DATABASE_URL"])
DATABASES = {"default": {
    "ENGINE": "django.db.backends.postgresql",
    "NAME": url.path.lstrip("/"),
    "USER": url.username or "",
    "PASSWORD": url.password or "",
    "HOST": os.environ["PGHOST"],
    "PORT": url.port or "",
}}
INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    %s
    "shop",
    "token_rotation",
    "token_rotation.operations",
    "pgtrigger",
]
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
SECRET_KEY = "only for tests"
USE_TZ = True
"""

# What Django's admin needs.
ADMIN_TEMPLATES = """
TEMPLATES = [{
    "BACKEND": "django.template.backends.django.DjangoTemplates",
    "APP_DIRS": True,
    "OPTIONS": {"context_processors": [
        "django.template.context_processors.request",
        "django.contrib.auth.context_processors.auth",
        "django.contrib.messages.context_processors.messages",
    ]},
}]
"""

# One after another as if each had been typed, up to the first that does not end with 0.
SERIES = """
import shlex, sys
from importlib import invalidate_caches
from django.core.management import execute_from_command_line
for command in sys.argv[1:]:
    invalidate_caches()  # one command writes what the next imports
    sys.argv = ["manage.py", *shlex.split(command)]
    try:
        execute_from_command_line(sys.argv)
    except SystemExit as end:
        if end.code:
            raise
print("the series is over")
"""


class Project:
    """Has one app, "shop". No setting of the reusable apps is set, and no Celery is named."""

    def __init__(
        self,
        directory: Path,
        database_url: str,
        *,
        apps: tuple[str, ...] = (),
        library: Path = PROJECT,
    ) -> None:
        self.directory = directory
        self._library = library
        self._database_url = database_url
        self.migrations = directory / "shop" / "migrations"
        self.migrations.mkdir(parents=True)
        (self.migrations / "__init__.py").touch()
        (directory / "shop" / "__init__.py").touch()
        more = "".join(f'"{app}",' for app in apps)
        (directory / "settings.py").write_text(SETTINGS % more)

    def without(self, app: str) -> None:
        """Forget one of the INSTALLED_APPS."""
        settings = self.directory / "settings.py"
        settings.write_text(settings.read_text().replace(f'    "{app}",\n', ""))

    def models(self, text: str) -> None:
        """The app's models from now on."""
        imports = "import uuid\nfrom django.db import models\n"
        (self.directory / "shop" / "models.py").write_text(imports + dedent(text))

    def run(self, *args: str, fails_with: int = 0, answers: str = "") -> str:
        """A management command; its output. It must end with this exit code."""
        done = self.attempt(*args, answers=answers)
        assert done.returncode == fails_with, done.stdout + done.stderr
        assert "Traceback" not in done.stderr, done.stderr
        return done.stdout + done.stderr

    def run_each(self, *commands: str, fails_with: int = 0, answers: str = "") -> str:
        """Commands in one process, since most of a short one is the start; what all have said.

        The last of them must end with this exit code, the others with 0.
        """
        done = self._python("-c", SERIES, *commands, answers=answers)
        assert done.returncode == fails_with, done.stdout + done.stderr
        assert "Traceback" not in done.stderr, done.stderr
        assert done.stdout.endswith("the series is over\n") == (fails_with == 0)
        return done.stdout + done.stderr

    def shell(self, code: str) -> list[str]:
        """The lines that a program prints in Django's shell."""
        return self.run("shell", "--verbosity", "0", "--command", code).splitlines()

    def attempt(self, *args: str, answers: str = "") -> CompletedProcess[str]:
        return self._python("-m", "django", *args, answers=answers)

    def start(self, *args: str, **variables: str) -> Popen[str]:
        """Start Python with these arguments, its input and output in pipes; forked as well."""
        environment = {**self.environment, **variables}
        return self._server.start(args, environment, self.directory, typed=True)

    def _python(self, *args: str, answers: str) -> CompletedProcess[str]:
        """Forked, as those of ``Manage`` are, where nobody answers."""
        words = ["-W", "error::RuntimeWarning", *args]
        if not answers:
            return self._server.run(words, self.environment, 120, self.directory)
        return subprocess.run(
            [sys.executable, *words],
            cwd=self.directory,
            env=self.environment,
            input=answers,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    @property
    def _server(self) -> ForkServer:
        return OF_OTHERS if self._library == PROJECT else OF_RELEASES

    @property
    def environment(self) -> dict[str, str]:
        from tests.support.driver import parse_dsn  # noqa: PLC0415

        host = parse_dsn(self._database_url).get("host", "")
        return {
            **{name: value for name, value in os.environ.items() if name[:7] != "DJANGO_"},
            "DATABASE_URL": self._database_url,
            "PGHOST": host,
            "DJANGO_SETTINGS_MODULE": "settings",
            "PYTHONPATH": os.pathsep.join([str(self.directory), str(self._library)]),
            "PYTHONDONTWRITEBYTECODE": "1",
        }

    def written(self) -> dict[str, str]:
        """The names and the texts of the migrations."""
        found = sorted(self.migrations.glob("0*.py"))
        return {path.stem: path.read_text() for path in found}


def operations(text: str) -> list[str]:
    """The classes of a migration's operations, with those that are done together."""
    listed = text.partition("    operations = [")[2]
    return re.findall(r"^ {8}(?: {8})?(?:[\w.]+\.)?(\w+)\($", listed, re.MULTILINE)
