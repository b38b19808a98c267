"""``manage.py run_job``: run a job of this project, or ask a running one to stop or pause."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from django.core.management.base import CommandError, CommandParser
from django.db import DatabaseError, InterfaceError

from token_rotation import wording
from token_rotation.command_line.argument_types import worker_count
from token_rotation.command_line.exit_code import ExitCode
from token_rotation.command_line.one_line import OneLineCommand
from token_rotation.command_line.signal_handlers import stop_on_signal
from token_rotation.errors import RotationError
from token_rotation.jobs.beginning.begin import left_by_now
from token_rotation.jobs.collection.of_job import enumerator_of, total_of
from token_rotation.jobs.control import ask_as_sentence
from token_rotation.jobs.job import Job
from token_rotation.jobs.parameters.given import job_with
from token_rotation.jobs.registry import job_named
from token_rotation.jobs.run import JobRun, run_here
from token_rotation.jobs.set_aside import choose_set_aside
from token_rotation.jobs.state import JobState
from token_rotation.jobs.workers.hand_out import hand_out
from token_rotation.jobs.workers.share_out import share_out
from token_rotation.management.job_parameters import (
    LinesFormatter,
    add_parameters,
    describe_job,
    parameters_in,
)
from token_rotation.management.job_progress import ProgressBar
from token_rotation.management.request_flags import add_requests
from token_rotation.operations.errors import OperationError
from token_rotation.postgres.faults.failures import reason_of
from token_rotation.postgres.sessions import name_sessions
from token_rotation.stop import StopSignal


class Command(OneLineCommand):
    help = (
        "Run a job of this project. It goes on where the last run with the same parameters ended. "
        "Exit codes: 0 complete, 1 error, 3 stopped, or items were set aside."
    )

    _words: Sequence[str] = ()

    def run_from_argv(self, argv: list[str]) -> None:
        name_sessions()  # otherwise the budget would take its own sessions for traffic
        self._words = argv[2:]
        super().run_from_argv(argv)

    def create_parser(self, prog_name: str, subcommand: str, **kwargs: Any) -> CommandParser:
        parser = super().create_parser(
            prog_name, subcommand, formatter_class=LinesFormatter, **kwargs
        )
        describe_job(parser, self._words)
        return parser

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("name", help="the job's name")
        add_parameters(parser)
        parser.add_argument("--restart", action="store_true", help="begin at the beginning")
        parser.add_argument(
            "--workers",
            type=worker_count,
            default=1,
            metavar="N",
            help="share the rows out by ranges of their keys: threads, or tasks with --async",
        )
        parser.add_argument(
            "--retry-set-aside",
            action="store_true",
            help="process only what the last complete run has set aside",
        )
        instead = parser.add_mutually_exclusive_group()
        instead.add_argument("--async", action="store_true", help="let workers run it; end at once")
        instead.add_argument(
            "--dry-run", action="store_true", help="say what a run would do, and process nothing"
        )
        add_requests(instead)

    def handle(self, **parsed: Any) -> str | None:
        if parsed["restart"] and parsed["retry_set_aside"]:
            raise CommandError("a retry processes each item once; leave --restart out")
        try:
            if parsed["request"] is not None:
                return ask_as_sentence(job_named(parsed["name"]), parsed["request"])
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
            with _job(parsed) as job, stop_on_signal(stop):
                ended = run_here(
                    job,
                    stop=stop,
                    restart=parsed["restart"],
                    workers=parsed["workers"],
                    watcher=bar,
                )
        finally:
            bar.close()
        self._say_end(ended)
        if not ended.is_complete or ended.state.failed:
            raise SystemExit(ExitCode.UNFINISHED)

    def _hand_out(self, parsed: dict[str, Any]) -> str:
        if parsed["restart"]:
            raise CommandError("--async goes on where the last run ended; leave --restart out")
        kind, values = job_named(parsed["name"]), parameters_in(parsed)
        if parsed["workers"] == 1:
            retry = parsed["retry_set_aside"]
            handed_out = [hand_out(kind, values, retry_set_aside=retry)]
        elif parsed["retry_set_aside"]:
            raise CommandError("one worker retries what was set aside; leave --workers out")
        else:
            handed_out = share_out(kind, values, workers=parsed["workers"])
        waiting = "\n".join(f"{each} waits for a worker." for each in handed_out)
        return f"{waiting} Run: run_job {kind.name} --stop to end it."

    def _say_plan(self, parsed: dict[str, Any]) -> str:
        with _job(parsed) as job:
            enumerator_of(job)
            state = JobState() if parsed["restart"] else left_by_now(job)
            items = f"{wording.count(total_of(job))} items{state.behind}"
        return f"{job.name}: {items}, {job.batch_items} a batch. Nothing was done."

    def _say_end(self, ended: JobRun) -> None:
        word, state = "complete" if ended.is_complete else "stopped", ended.state
        names = ", ".join(str(each) for each in ended.operations)
        self.stdout.write(f"{names}: {word}, {state.done:,} items processed")
        if state.failed:
            were = wording.things(state.failed, "item was", "items were")
            self.stdout.write(f"{were} set aside:")
        for each in state.set_aside:
            self.stdout.write(f"  {each.key}: {each.reason}")
        if state.unnamed:
            self.stdout.write(
                f"  and {state.unnamed:,} more, which come again only with another whole run"
            )


@contextmanager
def _job(parsed: dict[str, Any]) -> Iterator[Job]:
    """Yield the job with its parameters, whose files are there while inside."""
    with job_with(job_named(parsed["name"]), parameters_in(parsed)) as job:
        if parsed["retry_set_aside"]:
            choose_set_aside(job)
        yield job
