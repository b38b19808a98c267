"""``manage.py run_job``: run a job of this project, or ask a running one to stop or pause."""

from __future__ import annotations

import json
from argparse import ArgumentTypeError
from typing import Any

from django.core.management.base import CommandError, CommandParser
from django.db import DatabaseError, InterfaceError

from token_rotation import wording
from token_rotation.command_line.argument_types import worker_count
from token_rotation.command_line.exit_code import ExitCode
from token_rotation.command_line.one_line import OneLineCommand
from token_rotation.command_line.signal_handlers import stop_on_signal
from token_rotation.errors import RotationError
from token_rotation.jobs.begin import left_by_now
from token_rotation.jobs.collection.of_job import enumerator_of
from token_rotation.jobs.control import Request, ask_running
from token_rotation.jobs.hand_out import hand_out
from token_rotation.jobs.progress_bar import ProgressBar
from token_rotation.jobs.registry import job_named
from token_rotation.jobs.run import JobRun, run_job
from token_rotation.jobs.state import JobState
from token_rotation.operations.errors import OperationError
from token_rotation.postgres.faults.failures import reason_of
from token_rotation.postgres.sessions import name_sessions
from token_rotation.stop import StopSignal


class Command(OneLineCommand):
    help = (
        "Run a job of this project. It goes on where the last run with the same parameters ended. "
        "Exit codes: 0 complete, 1 error, 3 stopped, or items were set aside."
    )

    def run_from_argv(self, argv: list[str]) -> None:
        name_sessions()  # otherwise the budget would take its own sessions for traffic
        super().run_from_argv(argv)

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("name", help="the job's name")
        parser.add_argument(
            "--param",
            action="append",
            default=[],
            type=_parameter,
            metavar="KEY=VALUE",
            help="a parameter of the job; a value that is JSON is read as that",
        )
        parser.add_argument(
            "--workers",
            type=worker_count,
            default=1,
            metavar="N",
            help="share the rows out by ranges of their keys: threads, or tasks with --async",
        )
        parser.add_argument("--restart", action="store_true", help="begin at the beginning")
        instead = parser.add_mutually_exclusive_group()
        instead.add_argument("--async", action="store_true", help="let workers run it; end at once")
        instead.add_argument(
            "--dry-run", action="store_true", help="say what a run would do, and process nothing"
        )
        for request in Request:
            instead.add_argument(
                f"--{request}",
                dest="request",
                action="store_const",
                const=request,
                help=f"ask running runs of the job to {_MEANING[request]}",
            )

    def handle(self, **parsed: Any) -> str | None:
        try:
            if parsed["request"] is not None:
                return self._ask(parsed["name"], parsed["request"])
            if parsed["dry_run"]:
                return self._say_plan(parsed)
            if parsed["async"]:
                return self._hand_out(parsed)
            self._run(parsed)
        except (OperationError, RotationError) as error:
            raise CommandError(str(error)) from error
        except (DatabaseError, InterfaceError) as error:
            safe = "What is done is stored; run the same command again"
            raise CommandError(f"{reason_of(error)}. {safe}") from error
        return None

    def _run(self, parsed: dict[str, Any]) -> None:
        stop, bar = StopSignal(), ProgressBar(self.stderr)
        try:
            with stop_on_signal(stop):
                ended = run_job(
                    parsed["name"],
                    stop=stop,
                    restart=parsed["restart"],
                    workers=parsed["workers"],
                    watcher=bar,
                    **dict(parsed["param"]),
                )
        finally:
            bar.close()
        self._say_end(ended)
        if not ended.is_complete or ended.state.failed:
            raise SystemExit(ExitCode.UNFINISHED)

    def _hand_out(self, parsed: dict[str, Any]) -> str:
        if parsed["restart"]:
            raise CommandError("--async goes on where the last run ended; leave --restart out")
        job = job_named(parsed["name"])(**dict(parsed["param"]))
        handed_out = hand_out(job, workers=parsed["workers"])
        waiting = "\n".join(f"{each} waits for a worker." for each in handed_out)
        return f"{waiting} Run: run_job {job.name} --stop to end it."

    def _ask(self, name: str, request: Request) -> str:
        asked = ask_running(job_named(name), request)
        if not asked:
            return f"{name} is not running."
        runs = wording.things(asked, f"run of {name}", f"runs of {name}")
        return f"Asked {runs} to {_MEANING[request]}."

    def _say_plan(self, parsed: dict[str, Any]) -> str:
        name, parameters = parsed["name"], dict(parsed["param"])
        job = job_named(name)(**parameters)
        enumerator_of(job)
        state = JobState() if parsed["restart"] else left_by_now(job)
        items = wording.count(job.count())
        return f"{name}: {items} items{state.behind}, {job.batch_items} a batch. Nothing was done."

    def _say_end(self, ended: JobRun) -> None:
        word, state = "complete" if ended.is_complete else "stopped", ended.state
        names = ", ".join(str(each) for each in ended.operations)
        self.stdout.write(f"{names}: {word}, {state.done:,} items processed")
        if state.failed:
            were = wording.things(state.failed, "item was", "items were")
            self.stdout.write(f"{were} set aside:")
        for each in state.set_aside:
            self.stdout.write(f"  {each.key}: {each.reason}")


_MEANING = {
    Request.STOP: "stop after the batch",
    Request.PAUSE: "pause after the batch",
    Request.RESUME: "go on",
}


def _parameter(text: str) -> tuple[str, Any]:
    key, separator, value = text.partition("=")
    if not separator or not key.isidentifier():
        raise ArgumentTypeError(f"{text!r} is not KEY=VALUE")
    try:
        return key, json.loads(value)
    except ValueError:
        return key, value
