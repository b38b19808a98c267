"""Every mutant of a room, as Cosmic Ray makes them, and a sample of them."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

from cosmic_ray import plugins
from cosmic_ray.ast import ast_nodes, get_ast_from_path
from cosmic_ray.ast.ast_query import ASTQuery
from cosmic_ray.mutating import mutate_code

from mutation.python_operators import PythonOperators
from mutation.rooms import Room
from mutation.sql_operators import SqlOperators

plugins.OPERATOR_PROVIDERS["python"] = PythonOperators()
plugins.OPERATOR_PROVIDERS["sql"] = SqlOperators()

# fmt: off
_PAIRS = [
    "Lt_LtE", "Lt_GtE", "Gt_GtE", "Gt_LtE", "LtE_Lt", "LtE_Gt", "GtE_Gt", "GtE_Lt", "Eq_NotEq",
    "NotEq_Eq", "Is_IsNot", "IsNot_Is", "Add_Sub", "Sub_Add", "Mul_Div", "Div_Mul",
    "FloorDiv_Mul", "Mod_Mul", "Pow_Mul", "RShift_LShift", "BitOr_BitAnd", "BitAnd_BitOr",
    "Delete_Not", "USub_UAdd",
]
# fmt: on
# Of an operator's dozen replacements those that a mistake resembles; the rest die of the same test.
SLIGHT_OF = 100
_CORE = re.compile(
    rf"core/(Replace(Binary|Comparison|Unary)Operator_({'|'.join(_PAIRS)})|AddNot"
    "|ReplaceTrueWithFalse|ReplaceFalseWithTrue|ReplaceAndWithOr|ReplaceOrWithAnd"
    "|ReplaceBreakWithContinue|ReplaceContinueWithBreak|NumberReplacer"
    "|ZeroIterationForLoop)"
)


@dataclass(frozen=True, slots=True)
class Mutant:
    """The n-th change of one operator to one module.

    ``before`` is the line that it changes, ``above`` the line above that.
    """

    module: str
    operator: str
    occurrence: int
    line: int
    last_line: int
    function: str
    before: str
    after: str
    above: str = ""

    @property
    def name(self) -> str:
        return f"{self.module}:{self.line} {self.operator}: {self.before} => {self.after}"

    @property
    def key(self) -> str:
        """The same while the line is the same, wherever it stands."""
        return f"{self.module} {self.operator} {self.before} => {self.after}"


def mutants_of(project: Path, room: Room, module: str) -> Iterator[Mutant]:
    """Those of annotations are left out, which nothing evaluates, and those of ``@dataclass``."""
    path = project / module
    source = path.read_text()
    notes = _annotations(ast.parse(source))
    seen = {source}
    for name in filter(lambda each: _is_of(room, each), plugins.operator_names()):
        operator = plugins.get_operator(name)()
        positions = (
            (node, start)
            for node in ast_nodes(get_ast_from_path(path))
            for start, _ in operator.mutation_positions(node)
        )
        for occurrence, (node, start) in enumerate(positions):
            if _is_left_out(name, node) or any(first <= start < last for first, last in notes):
                continue
            changed = mutate_code(source, operator, occurrence)
            if changed is None or changed in seen or not _is_python(changed):
                continue
            seen.add(changed)
            line, before, after = _difference(source, changed)
            if before.startswith("@dataclass") or "strict=False" in after:
                continue
            function = ASTQuery(node).get_definition_name() or ""
            last = max(line, node.end_pos[0])
            above = source.splitlines()[line - 2].strip() if line > 1 else ""
            yield Mutant(module, name, occurrence, line, last, function, before, after, above)


def _is_separator(node: Any) -> bool:
    """The star after which arguments must be named."""
    return bool(getattr(node, "value", "") == "*" and node.parent.type == "parameters")


def _is_left_out(operator: str, node: Any) -> bool:
    return _is_separator(node) or _is_twin(operator, node) or _is_slight(operator, node)


def _is_slight(operator: str, node: Any) -> bool:
    """One more or less of hundreds: whoever tests for that only repeats the number."""
    return operator == "core/NumberReplacer" and abs(ast.literal_eval(node.value)) >= SLIGHT_OF


def _is_twin(operator: str, node: Any) -> bool:
    """``not`` before a comparison, or another ``not``, is what other operators do as well."""
    if operator != "core/AddNot":
        return False
    condition = node.children[2 if node.type == "test" else 1]
    return condition.type in ("comparison", "not_test")


def _is_python(source: str) -> bool:
    try:
        ast.parse(source)
    except SyntaxError:
        return False
    return True


def _is_of(room: Room, operator: str) -> bool:
    provider = operator.partition("/")[0]
    if provider == "core":
        return "python" in room.operators and bool(_CORE.fullmatch(operator))
    return provider in room.operators


def _annotations(tree: ast.Module) -> list[tuple[tuple[int, int], tuple[int, int]]]:
    notes: list[ast.expr | None] = []
    for node in ast.walk(tree):
        if isinstance(node, ast.arg | ast.AnnAssign):
            notes.append(node.annotation)
        elif isinstance(node, ast.FunctionDef):
            notes.append(node.returns)
    notes += [each.value for each in tree.body if isinstance(each, ast.Assign) and _is_type(each)]
    return [
        ((note.lineno, note.col_offset), (note.end_lineno or 0, note.end_col_offset or 0))
        for note in notes
        if note is not None
    ]


def _is_type(assignment: ast.Assign) -> bool:
    return isinstance(assignment.value, ast.BinOp) and isinstance(assignment.value.op, ast.BitOr)


def _difference(source: str, changed: str) -> tuple[int, str, str]:
    old, new = source.splitlines(), changed.splitlines()
    pairs = enumerate(zip(old, new, strict=False), start=1)
    line = next((n for n, (a, b) in pairs if a != b), len(old))
    return line, old[line - 1].strip(), new[line - 1].strip() if line <= len(new) else ""


def sample(mutants: Sequence[Mutant], size: int, seed: int) -> list[Mutant]:
    """About ``size`` of them, from each module as many as are its due and at least one."""
    modules: dict[str, list[Mutant]] = {}
    for mutant in mutants:
        modules.setdefault(mutant.module, []).append(mutant)
    chosen: list[Mutant] = []
    for module, all_of_it in modules.items():
        due = max(1, round(size * len(all_of_it) / len(mutants)))
        chosen += Random(f"{seed} {module}").sample(all_of_it, min(due, len(all_of_it)))
    return chosen
