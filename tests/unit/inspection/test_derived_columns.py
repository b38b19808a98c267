"""An outdated trigger stops a rotation where it may not know the declared columns."""

from dataclasses import replace

from token_rotation.inspection.columns.derived_columns import without_derived
from token_rotation.inspection.problem import MIGRATE, Problem
from token_rotation.selection.target import Target
from token_rotation.tokens.sources import SqlTokens

TARGET = Target(
    label="shop.Key",
    database="default",
    table="shop_key",
    key_column="id",
    token_column="token",
    marker_column="token_rotated_at",
    token_source=SqlTokens("gen_random_uuid()"),
    token_is_unique=True,
    guard_triggers=(),
)
OUTDATED = Problem("token_rotation.W002", "The guard trigger guard_update is outdated", MIGRATE)


def test_it_names_the_columns_that_a_rotation_may_leave_behind() -> None:
    declared = replace(TARGET, derived=("prefix",), derived_sql=("left({token}, 8)",))
    (problem,) = without_derived(declared, [OUTDATED])
    assert problem.code == "token_rotation.E053"
    assert "may leave prefix behind" in problem.sentence
    assert problem.mend == MIGRATE
    assert list(without_derived(declared, [])) == []
    assert list(without_derived(TARGET, [OUTDATED])) == []
