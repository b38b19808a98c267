"""Projects of somebody else's, each with a package that issues tokens through its own views.

They are those of scripts/adoption/projects, and of tests/projects where no package is meant.
"""

import tomllib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.support.manage import PROJECT
from tests.support.project import ADMIN_TEMPLATES, Project

APPS = ("admin", "sessions", "messages", "staticfiles")
SETTINGS = f"""
import sys
sys.path.append({str(PROJECT / "scripts")!r})
MIDDLEWARE = [
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
]
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
STATIC_URL = "static/"
"""


@dataclass(frozen=True)
class Package:
    """``table`` has the token's ``column`` and ``marker``; ``model`` is its label.

    ``renewal`` is code that lets the package renew or revoke a token of ``owner``, and says in
    ``renewed`` if that worked.
    """

    module: str
    model: str
    table: str
    column: str
    marker: str
    renewal: str
    sets: dict[str, Any] = field(default_factory=dict)

    @property
    def folder(self) -> Path:
        root = PROJECT / "scripts" if self.module.startswith("adoption.") else PROJECT
        return root.joinpath(*self.module.split("."))

    def models(self, name: str) -> str:
        """The models of the project: before it adopted the library, or after."""
        file = self.folder / name
        return file.read_text() if file.exists() else ""


def package_project(directory: Path, database: str, package: Package) -> Project:
    """Has nothing of the library but its apps; nothing is migrated."""
    file = package.folder / "case.toml"
    case = tomllib.loads(file.read_text()) if file.exists() else {}
    extends = dict(case.get("extends", {}))
    apps = (*(f"django.contrib.{app}" for app in APPS), *extends.pop("INSTALLED_APPS", ()))
    project = Project(directory, database, apps=apps)
    sets = {**case.get("sets", {}), **package.sets, "ROOT_URLCONF": f"{package.module}.urls"}
    lines = [f"{name} += {values!r}" for name, values in extends.items()]
    lines += [f"{name} = {value!r}" for name, value in sets.items()]
    with (directory / "settings.py").open("a") as settings:
        settings.write("\n".join([SETTINGS, ADMIN_TEMPLATES, *lines, ""]))
    project.models(package.models("before.py"))
    return project
