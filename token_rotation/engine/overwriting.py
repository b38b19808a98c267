"""Try triggers of others that may overwrite tokens, at a rotation's start."""

from __future__ import annotations

from token_rotation.engine.worker import Worker
from token_rotation.engine.worker_pool import WorkerPool
from token_rotation.errors import NotReadyError
from token_rotation.inspection.triggers.key_tokens import doubted_trigger_problems
from token_rotation.inspection.triggers.other_triggers import find_suspects, suspect_problems
from token_rotation.inspection.triggers.tree import read_tree
from token_rotation.inspection.triggers.trial import try_suspects
from token_rotation.selection.target import Target


def try_others(target: Target, pool: WorkerPool) -> list[str]:
    """Try the suspected triggers on one row each, rolled back.

    Return the names of those whose work each batch must be checked for: a trial on one row proves
    no other row. Raises NotReadyError where a trial shows that tokens are overwritten.
    """

    def on(worker: Worker) -> list[str]:
        return worker.retrying.run(lambda: _try_on(worker, target))

    return pool.by_one(on)


def _try_on(worker: Worker, target: Target) -> list[str]:
    tree = read_tree(worker.connection, target, with_conditions=False)
    suspects = find_suspects(tree, target)
    if target.hides_keys:  # a trial would send its row's key
        for refused in (
            *suspect_problems(suspects, target),
            *doubted_trigger_problems(target, suspects),
        ):
            raise NotReadyError((str(refused),))
    for problem in try_suspects(worker.connection, target, suspects):
        raise NotReadyError((f"{problem.sentence}. Nothing was changed. Run: {problem.mend}",))
    return [each.named for each in suspects]
