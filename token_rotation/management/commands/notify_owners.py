"""``manage.py notify_owners``: tell owners of their new tokens, or report."""

from __future__ import annotations

from contextlib import nullcontext
from typing import Any

from django.core.management.base import CommandError, CommandParser
from django.db import DatabaseError, InterfaceError

from token_rotation import wording
from token_rotation.command_line.exit_code import ExitCode
from token_rotation.command_line.signal_handlers import stop_on_signal
from token_rotation.jobs.control import ask_as_sentence
from token_rotation.jobs.workers.hand_out import hand_out
from token_rotation.jobs.workers.share_out import share_out
from token_rotation.management.command import TokenCommand
from token_rotation.management.job_progress import ProgressBar
from token_rotation.management.notify_flags import OF_A_RUN, add_notify_flags
from token_rotation.operations.errors import OperationError
from token_rotation.owners import sentences
from token_rotation.owners.again import forget_refusals
from token_rotation.owners.counts import count_owners
from token_rotation.owners.declaration import OwnerNotice
from token_rotation.owners.inspection import notice_gaps
from token_rotation.owners.job import REFUSED, TOLD, NotSentError, TellOwners, job_of
from token_rotation.owners.passes import tell_all
from token_rotation.owners.registry import find_notices
from token_rotation.postgres.faults.failures import reason_of
from token_rotation.stop import StopSignal


class Command(TokenCommand):
    help = (
        "Tell owners of their new tokens, as OwnerNotice declares it. Run it again after any "
        "interruption: the data says who is left. Exit codes: 0 everybody is told, 1 error, "
        "3 owners are to be told or refused, or tokens are not rotated."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        add_notify_flags(parser)

    def work(self, parsed: dict[str, Any]) -> ExitCode:
        is_run = not any(parsed[each] for each in ("dry_run", "report", "async", "request"))
        if not is_run and any(parsed[each] for each in OF_A_RUN):
            flags = ", ".join(f"--{each.replace('_', '-')}" for each in OF_A_RUN)
            raise CommandError(f"{flags} are for a run in this process. Nothing was done.")
        self._stop = StopSignal()
        with stop_on_signal(self._stop) if is_run else nullcontext():
            ends = [self._one(each, parsed, is_run) for each in find_notices(parsed["models"])]
        return ExitCode.of(all(ends))

    def _one(self, notice: OwnerNotice, parsed: dict[str, Any], is_run: bool) -> bool:  # noqa: FBT001
        """Return True if nothing is left of what was asked for."""
        try:
            if parsed["request"] is not None:
                self.stdout.write(ask_as_sentence(job_of(notice), parsed["request"]))
                return True
            if parsed["async"]:
                return self._hand_out(notice, parsed)
            return self._run(notice, parsed) if is_run else self._report(notice, parsed)
        except (OperationError, NotSentError) as error:
            raise CommandError(
                f"{error}. Who was told is recorded. {_go_on(notice, parsed)}"
            ) from error
        except (DatabaseError, InterfaceError) as error:
            said = f"{reason_of(error)}. Who was told is recorded. {_go_on(notice, parsed)}"
            raise CommandError(said) from error

    def _run(self, notice: OwnerNotice, parsed: dict[str, Any]) -> bool:
        database, label = parsed["database"], notice.model_label
        if self._stop.requested:
            return False
        if parsed["again"]:
            asked = wording.things(forget_refusals(notice, database), "refused owner")
            self.stdout.write(f"{label}: {asked} to be tried once more")
        job = _tuned(notice, parsed)
        bar = ProgressBar(self.stderr)
        try:
            state = tell_all(job, stop=self._stop, workers=parsed["workers"], watcher=bar)
        finally:
            bar.close()
        for each in state.set_aside:
            self.stdout.write(f"{label} {each.key} failed: {each.reason}")
        told, refused = job.tally[TOLD], job.tally[REFUSED]
        if parsed["canary"]:
            self.stdout.write(sentences.canary_as_sentence(told, refused, label, database))
        else:
            self.stdout.write(f"{label}: {wording.things(told, 'owner')} told, {refused:,} refused")
        return self._report(notice, parsed)

    def _report(self, notice: OwnerNotice, parsed: dict[str, Any]) -> bool:
        database, label = parsed["database"], notice.model_label
        gaps, counts = notice_gaps(notice, database), count_owners(notice, database)
        nothing = " Nobody was told." if parsed["dry_run"] else ""
        said = f"{label}: {sentences.counts_as_sentence(counts)}{nothing}"
        self.stdout.write(f"{said} {sentences.advice(counts, label, database)}".rstrip())
        for each in gaps:
            self.stdout.write(f"{label}: {each}")
        return counts.is_over and not gaps

    def _hand_out(self, notice: OwnerNotice, parsed: dict[str, Any]) -> bool:
        kind, values, workers = job_of(notice), _parameters(parsed), parsed["workers"]
        several = workers > 1
        handed = share_out(kind, values, workers=workers) if several else [hand_out(kind, values)]
        for each in handed:
            self.stdout.write(f"{each} waits for a worker.")
        return True


def _tuned(notice: OwnerNotice, parsed: dict[str, Any]) -> TellOwners:
    batch = parsed["batch"] or notice.batch_items
    tuned = {
        "batch_items": max(1, batch // parsed["workers"]),
        "max_items_per_second": parsed["max_per_second"],
    }
    job = job_of(notice, **tuned)(**_parameters(parsed))
    if not parsed["canary"]:
        return job
    keys = job.collection().order_by("pk").values_list("pk", flat=True)[: parsed["canary"]]
    return job_of(notice, **tuned, only_keys=tuple(keys))(**_parameters(parsed))


def _parameters(parsed: dict[str, Any]) -> dict[str, Any]:
    return {} if parsed["database"] == "default" else {"database": parsed["database"]}


def _go_on(notice: OwnerNotice, parsed: dict[str, Any]) -> str:
    return f"To go on: {sentences.command(notice.model_label, parsed['database'])}"
