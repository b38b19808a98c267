"""Runs tests against one copy of the project, with a server of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import Any

from cosmic_ray import plugins
from cosmic_ray.mutating import use_mutation

from mutation.mutants import Mutant
from mutation.server import Server, server
from mutation.tree import copy_project

ARGUMENTS = ["-q", "-p", "no:xdist", "-p", "no:randomly", "-p", "no:cacheprovider"]
WHOLE_SUITE_SECONDS = 3 * 3600.0


class Judge:
    """One copy, one server, one fork server. Not for several threads."""

    def __init__(self, tree: Path, server: Server, process: subprocess.Popen[str]) -> None:
        self._tree = tree
        self._server = server
        self._process = process
        self._files = tree.parent

    def measure(self, tests: Sequence[str], modules: Sequence[str]) -> dict[str, Any]:
        """Run whole folders unchanged: the seconds of each test, its failures, and its lines."""
        lines = self._files / "lines.json"
        answer = self._ask(tests=list(tests), modules=list(modules), lines=f"{lines}")
        if answer["code"] not in (0, 1):
            raise RuntimeError(f"the tests cannot be run:\n{self.log()[-2000:]}")
        return {**answer, "lines": json.loads(lines.read_text())}

    def run(
        self, mutant: Mutant | None, tests: Sequence[str], limits: Mapping[str, float]
    ) -> dict[str, Any]:
        """Run tests one after the other until one fails, with the change of ``mutant``."""
        with self._changed(mutant) if mutant else nullcontext():
            answer = self._ask(tests=list(tests), limits=limits, arguments=["-x"])
        if answer["code"] not in (0, 1) or answer.get("running"):
            self._server.drop_leftovers()
        return answer

    def _changed(self, mutant: Mutant) -> AbstractContextManager[Any]:
        operator = plugins.get_operator(mutant.operator)()
        changed: AbstractContextManager[Any] = use_mutation(
            self._tree / mutant.module, operator, mutant.occurrence
        )
        return changed

    def log(self) -> str:
        return (self._files / "log").read_text(errors="replace")

    def _ask(
        self,
        *,
        tests: list[str],
        modules: Sequence[str] = (),
        lines: str = "",
        limits: Mapping[str, float] | None = None,
        arguments: Sequence[str] = (),
    ) -> dict[str, Any]:
        limits = limits or {}
        request = {
            "arguments": [*ARGUMENTS, *arguments],
            "tests": tests,
            "order": tests if limits else [],
            "limits": dict(limits),
            "seconds": 120.0 + sum(limits.values()) if limits else WHOLE_SUITE_SECONDS,
            "template_url": self._server.template_url,
            "modules": list(modules),
            "lines": lines,
            "report": f"{self._files / 'report.json'}",
            "log": f"{self._files / 'log'}",
            "environment": {"DATABASE_URL": self._server.url, "PYTHONDONTWRITEBYTECODE": "1"},
        }
        asked, answered = self._process.stdin, self._process.stdout
        if asked is None or answered is None:
            raise AssertionError("both are pipes")
        asked.write(json.dumps(request) + "\n")
        asked.flush()
        answer: dict[str, Any] = json.loads(answered.readline())
        return answer


@contextmanager
def judge(project: Path, directory: Path) -> Iterator[Judge]:
    """A judge whose files are in ``directory``; its processes are gone afterwards."""
    tree = copy_project(project, directory)
    environment = {
        **os.environ,
        "PYTHONPATH": f"{project / 'scripts'}",
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    with (
        server(tree) as running,
        subprocess.Popen(
            [sys.executable, "-m", "mutation.fork_server"],
            cwd=tree,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        ) as process,
    ):
        try:
            yield Judge(tree, running, process)
        finally:
            process.kill()
