"""A copy of the project that may be changed."""

import compileall
import hashlib
import shutil
import subprocess
from pathlib import Path


def copy_project(project: Path, directory: Path) -> Path:
    """What Git knows or would add, as it is now; its byte code is compiled once."""
    tree = directory / "tree"
    for name in _files(project):
        source = project / name
        if not source.is_file():
            continue  # deleted, and not committed yet
        target = tree / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(source, target)
    for package in ("token_rotation", "tickets", "migrations", "tests"):
        compileall.compile_dir(tree / package, quiet=2)
    return tree


def digests(project: Path, *folders: str) -> dict[str, str]:
    """Of each Python file in some folders."""
    names = [name for name in _files(project) if name.endswith(".py") and name.startswith(folders)]
    return {
        name: hashlib.sha256((project / name).read_bytes()).hexdigest()
        for name in sorted(names)
        if (project / name).is_file()
    }


def commit(project: Path) -> str:
    """The commit that is checked out, with a plus where files differ from it."""
    name = _git(project, "rev-parse", "--short", "HEAD").strip()
    changes = _git(project, "status", "--porcelain", "--", "token_rotation", "tests")
    return f"{name}+" if changes.strip() else name


def _files(project: Path) -> list[str]:
    listed = _git(project, "ls-files", "-z", "--cached", "--others", "--exclude-standard")
    return [name for name in listed.split("\0") if name]


def _git(project: Path, *arguments: str) -> str:
    command = ["git", "-C", f"{project}", *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout
