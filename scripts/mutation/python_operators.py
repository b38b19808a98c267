"""Changes of Python code beside those that Cosmic Ray knows."""

from typing import Any

import parso
from cosmic_ray.operators.operator import Operator

SWAPPED = {"max": "min", "min": "max", "any": "all", "all": "any"}


class DropStatement(Operator):
    """A call whose answer nobody uses, or a change of an attribute, is left out."""

    def mutation_positions(self, node: Any) -> Any:
        if node.type == "simple_stmt" and _is_effect(node.children[0]) and not _in_init(node):
            yield node.children[0].start_pos, node.children[0].end_pos

    def mutate(self, node: Any, index: int) -> Any:  # noqa: ARG002
        statement = node.children[0]
        prefix = statement.get_first_leaf().prefix
        node.children[0] = _parsed("pass")
        node.children[0].prefix = prefix
        return node

    @classmethod
    def examples(cls) -> Any:
        return ()


class SwapExtreme(Operator):
    """The largest becomes the smallest, any becomes all."""

    def mutation_positions(self, node: Any) -> Any:
        if node.type == "name" and node.value in SWAPPED and _is_called(node):
            yield node.start_pos, node.end_pos

    def mutate(self, node: Any, index: int) -> Any:  # noqa: ARG002
        node.value = SWAPPED[node.value]
        return node

    @classmethod
    def examples(cls) -> Any:
        return ()


class DropConstant(Operator):
    """One of several arguments, or of a list, that is a constant by its name, is left out.

    Such as a setting of a transaction: ``together(WITHOUT_A_LIMIT, AVOID_FULL_SCANS, look)``.
    """

    def mutation_positions(self, node: Any) -> Any:
        if node.type in ("arglist", "testlist_comp"):
            for child in node.children:
                if _is_constant(child):
                    yield child.start_pos, child.end_pos

    def mutate(self, node: Any, index: int) -> Any:
        constants = [i for i, child in enumerate(node.children) if _is_constant(child)]
        place = constants[index]
        del node.children[place : place + 2]  # and its comma
        return node

    @classmethod
    def examples(cls) -> Any:
        return ()


class OtherException(Operator):
    """An error is not caught any more."""

    def mutation_positions(self, node: Any) -> Any:
        if node.type == "except_clause" and len(node.children) > 1:
            yield node.children[1].start_pos, node.children[1].end_pos

    def mutate(self, node: Any, index: int) -> Any:  # noqa: ARG002
        node.children[1] = _parsed("ZeroDivisionError")
        node.children[1].prefix = " "
        return node

    @classmethod
    def examples(cls) -> Any:
        return ()


def _parsed(code: str) -> Any:
    parse: Any = parso.parse
    return parse(code).children[0]


def _is_effect(statement: Any) -> bool:
    if statement.type == "expr_stmt":
        target, operator = statement.children[0], statement.children[1]
        is_attribute = target.type == "atom_expr" and target.children[-1].children[0] == "."
        is_entry = target.type == "atom_expr" and target.children[-1].children[0] == "["
        is_augmented = (
            operator.type == "operator" and operator.value.endswith("=") and (operator.value != "=")
        )
        return bool(is_augmented or ((is_attribute or is_entry) and operator.type == "operator"))
    if statement.type != "atom_expr" or "super()" in statement.get_code():
        return False
    last = statement.children[-1]
    return bool(last.type == "trailer" and last.children[0] == "(")


def _in_init(node: Any) -> bool:
    """What ``__init__`` leaves out is missing at the first use, which proves nothing."""
    while node is not None and node.type != "funcdef":
        node = node.parent
    return node is not None and node.name.value in ("__init__", "__post_init__")


def _is_called(name: Any) -> bool:
    following = name.get_next_sibling()
    return bool(following and following.type == "trailer" and following.children[0] == "(")


def _is_constant(node: Any) -> bool:
    code = node.get_code(include_prefix=False)
    last = code.rpartition(".")[2]
    return bool(node.type == "atom_expr" and last.isupper() and last.isidentifier())


class PythonOperators:
    """Provider of these operators for Cosmic Ray."""

    operators = {  # noqa: RUF012
        each.__name__: each for each in (DropStatement, SwapExtreme, DropConstant, OtherException)
    }

    def __iter__(self) -> Any:
        return iter(self.operators)

    def __getitem__(self, name: str) -> Any:
        return self.operators[name]
