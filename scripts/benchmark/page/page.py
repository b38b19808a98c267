"""The figures as a Markdown page."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmark.arguments import PARTS
from benchmark.page.sections import SECTIONS
from benchmark.page.tables import Document, Table, verdicts_table
from benchmark.parts.part import TUNED


def read_parts(directory: Path) -> list[dict[str, Any]]:
    """The parts that were ever measured, in the order in which they are shown."""
    files = [directory / f"{part}{tuned}.json" for part in PARTS for tuned in ("", TUNED)]
    return [json.loads(file.read_text()) for file in files if file.exists()]


def make_page(parts: Sequence[Document]) -> str:
    """A section a part, each with what it was measured on."""
    head = (
        "# Measurements\n\nAfter this page you know what a rotation costs. `scripts/bench` writes "
        "it from the JSON files beside it.\nWhere a section says nothing of machine or run, those "
        "of the section before it apply.\n"
    )
    before = [None, *parts[:-1]]
    return head + "".join(map(_section, parts, before))


def _section(part: Document, before: Document | None) -> str:
    section = SECTIONS[part["part"]]
    blocks = [
        f"\n## {section.title}",
        *(f"{text}." for text in [_new_conditions(part, before)] if text),
        section.note,
        *(_markdown(make_table(part)) for make_table in section.tables),
        *(f"![{plot}]({plot_file(plot, part)})" for plot in section.plots),
    ]
    if part["verdicts"]:
        blocks.append(_markdown(verdicts_table(part)))
    return "\n\n".join(blocks) + "\n"


def plot_file(plot: str, part: Document) -> str:
    """The name of its picture."""
    return f"{plot}{TUNED if part['settings'] else ''}.png"


def conditions(part: Document) -> str:
    """What the figures depend on, on one line."""
    return f"{machine(part)}, {run(part)}"


def _new_conditions(part: Document, before: Document | None) -> str:
    if before is None or machine(part) != machine(before):
        return conditions(part)
    return run(part) if run(part) != run(before) else ""


def machine(part: Document) -> str:
    """The computer and the server's settings."""
    settings = ", ".join(f"{name} = {value}" for name, value in part["settings"].items())
    return (
        f"{part['cores']} cores, {part['memory_gb']} GB, PostgreSQL {part['postgresql']} with "
        f"{settings or 'default settings'}"
    )


def run(part: Document) -> str:
    """Rows, rounds, day and command."""
    rows = part["rows"] if isinstance(part["rows"], list) else [part["rows"]]
    shown = " to ".join(f"{number:,}" for number in sorted({rows[0], rows[-1]}))
    day = part["measured_at"][:10]
    return f"{shown} rows, medians of {part['rounds']}, {day}: `{part['command']}`"


def _markdown(table: Table) -> str:
    """Aligned, so that it can be read as it is: the first column to the left, others right."""
    heads, rows = table
    widths = [max(3, *map(len, column)) for column in zip(heads, *rows, strict=True)]
    rule = [f"{'-' * (width - 1)}{':' if number else '-'}" for number, width in enumerate(widths)]
    lines = []
    for cells in (heads, rule, *rows):
        first, *others = zip(cells, widths, strict=True)
        padded = [first[0].ljust(first[1]), *(cell.rjust(width) for cell, width in others)]
        lines.append(f"| {' | '.join(padded)} |")
    return "\n".join(lines)
