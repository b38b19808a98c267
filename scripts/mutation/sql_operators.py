"""Changes of SQL within strings. Its words stand in upper case, as everywhere in this project."""

import re
from typing import Any

from cosmic_ray.operators.operator import Operator

_TERM = r"(?:NOT )?(?:\{\w*\}|[a-z_][\w.]*)(?: (?:=|<>|<=|>=|<|>) (?:\{\w*\}|%\(\w+\)s|[\w.]+))?"
_ENDS = r"(?=[ )\"]|$)(?! (?:=|<>|<=|>=|<|>|IN\b|IS\b|%%|\|\|))"
_SORTED = r"(?:\{\w*\}|[a-z][\w.]*)(?: DESC)?(?:, [\w.]+(?: DESC)?)*"

# Name: what is sought, and what it becomes.
CHANGES: dict[str, tuple[tuple[str, str], ...]] = {
    "NullTest": ((r"\bIS NULL\b", "IS NOT NULL"), (r"\bIS NOT NULL\b", "IS NULL")),
    "Distinct": (
        (r"\bIS DISTINCT FROM\b", "IS NOT DISTINCT FROM"),
        (r"\bIS NOT DISTINCT FROM\b", "IS DISTINCT FROM"),
    ),
    "Connective": ((r"\bAND\b", "OR"), (r"\bOR\b(?! REPLACE)", "AND")),
    "Boundary": (
        (r"(?<=[ }])<=", "<"),
        (r"(?<=[ }])>=", ">"),
        (r"(?<=[ }])<(?= )", "<="),
        (r"(?<=[ }])>(?= )", ">="),
    ),
    "Direction": (
        (r"(?<=[ }])<=", ">"),
        (r"(?<=[ }])>=", "<"),
        (r"(?<=[ }])<(?= )", ">="),
        (r"(?<=[ }])>(?= )", "<="),
    ),
    "Equality": ((r"(?<=[ }])=(?= )(?! ')(?!.*\{time\})(?! \{token\})", "<>"),),
    "Exists": ((r"(?<!NOT )(?<!IF )\bEXISTS\b", "NOT EXISTS"), (r"\bNOT EXISTS\b", "EXISTS")),
    "Not": ((r"\bNOT (?=\{|is_|FOUND)", ""), (r"\bNOT $", "")),
    "Membership": ((r" IN \(", " NOT IN ("),),
    "Lock": (
        (r" ?\bFOR UPDATE SKIP LOCKED\b", ""),
        (r" ?\bFOR UPDATE\b(?! SKIP)", ""),
        (r" SKIP LOCKED\b", ""),
        (r"\bSKIP LOCKED\b", "NOWAIT"),
    ),
    "Unordered": ((rf" ?\bORDER BY {_SORTED}", ""),),
    "Backwards": (
        (r"(\bORDER BY (?:\{\w*\}|[a-z][\w.]*))(?=[ )\"]|$)(?! DESC)", r"\1 DESC"),
        (r" DESC\b", ""),
    ),
    "Unlimited": ((r" ?\bLIMIT (?:%\(\w+\)s|\d+)", ""),),
    "Predicate": (
        (rf" ?\bAND {_TERM}{_ENDS}", ""),
        (rf"\bWHERE {_TERM} AND\b", "WHERE"),
        (rf"(?<!FILTER \() ?\bWHERE {_TERM}{_ENDS}(?! AND)", ""),
        (r" FILTER \(WHERE [^()]*\)", ""),
    ),
    "Unknown": ((r"\bIS TRUE\b", "IS NOT FALSE"), (r", true\)", ", false)")),
    "Extreme": (
        (r"\bgreatest\(", "least("),
        (r"\bmin\(", "max("),
        (r"\bmax\(", "min("),
    ),
    "Arithmetic": ((r"\+ interval\b", "- interval"), (r"'1 microsecond'", "'0 microsecond'")),
    "Number": (
        (r"(?<![\w'$%.{])(\d+)(?![\w'.}])", "+1"),
        (r"(?<![\w'$%.{])([1-9]\d*)(?![\w'.}])", "-1"),
    ),
    "Row": ((r"\bNEW\b", "OLD"), (r"\bOLD\b", "NEW")),
    "Clock": ((r"\bclock_timestamp\(\)", "now()"),),
    "Duplicates": ((r"DISTINCT ON \([^)]*\) ", ""), (r" ON CONFLICT \(hash\) DO NOTHING", "")),
    "Fence": ((r" ?\bOFFSET 0\b", ""),),
    "Cast": ((r"\}::text\b", "}"),),
    "Lifetime": ((r" ?ON COMMIT DROP\b", ""), (r"\bpg_temp\.", "")),
    "ErrorCode": ((r"'serialization_failure'", "'unique_violation'"),),
}


class SqlOperator(Operator):
    """One kind of change. Documentation and messages of errors are left alone."""

    changes: tuple[tuple[str, str], ...] = ()

    def mutation_positions(self, node: Any) -> Any:
        if _holds_sql(node):
            for start, end, _ in self._found(node):
                yield _position(node, start), _position(node, end)

    def mutate(self, node: Any, index: int) -> Any:
        start, end, replacement = self._found(node)[index]
        node.value = node.value[:start] + replacement + node.value[end:]
        return node

    def _found(self, node: Any) -> list[tuple[int, int, str]]:
        return [
            (*found.span(), _replacement(found, becomes))
            for sought, becomes in self.changes
            for found in re.finditer(sought, node.value)
        ]

    @classmethod
    def examples(cls) -> Any:
        return ()


def _replacement(found: re.Match[str], becomes: str) -> str:
    if becomes in ("+1", "-1"):
        return str(int(found[1]) + int(becomes))
    return found.expand(becomes)


def _holds_sql(node: Any) -> bool:
    if node.type not in ("string", "fstring_string"):
        return False
    around = node.parent
    while around is not None and around.type in ("strings", "fstring"):
        around = around.parent
    if around is None or around.type == "simple_stmt":
        return False  # a docstring
    while around is not None and around.type not in ("raise_stmt", "funcdef"):
        around = around.parent
    return around is None or around.type != "raise_stmt"


def _position(node: Any, offset: int) -> tuple[int, int]:
    before = node.value[:offset]
    line, column = node.start_pos
    if "\n" not in before:
        return line, column + offset
    return line + before.count("\n"), len(before) - before.rindex("\n") - 1


class SqlOperators:
    """Provider of these operators for Cosmic Ray."""

    operators = {  # noqa: RUF012
        name: type(name, (SqlOperator,), {"changes": changes}) for name, changes in CHANGES.items()
    }

    def __iter__(self) -> Any:
        return iter(self.operators)

    def __getitem__(self, name: str) -> Any:
        return self.operators[name]
