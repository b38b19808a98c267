"""Plans of PostgreSQL as trees."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

Plan = dict[str, Any]


def nodes(plan: Plan) -> Iterator[Plan]:
    """Yield a plan's nodes, from the top."""
    yield plan
    for part in plan.get("Plans", []):
        yield from nodes(part)


def repeated_scans(plan: Plan) -> list[str]:
    """Return the tables that are read from end to end once for each row of something else.

    Such a plan takes the product of two sizes. A hash or a merge takes their sum.
    """
    found: list[str] = []
    for node in nodes(plan):
        for part in node.get("Plans", []):
            if _is_repeated(node, part):
                found += [str(scan.get("Alias")) for scan in nodes(part) if _reads_all(scan)]
    return found


def _is_repeated(node: Plan, part: Plan) -> bool:
    if part["Parent Relationship"] == "SubPlan":
        name = part.get("Subplan Name", "")
        return not name.startswith("CTE") and f"hashed {name}" not in str(node)
    return bool(node["Node Type"] == "Nested Loop" and part["Parent Relationship"] == "Inner")


def _reads_all(scan: Plan) -> bool:
    """Return True for a scan of a table without a condition that an index answers."""
    return "Relation Name" in scan and "Index Cond" not in str(scan)
