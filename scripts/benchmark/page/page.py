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
        "# Measurements\n\nWhat a rotation costs: `scripts/bench` makes this page from the JSON "
        "files beside it.\nConditions that a section does not name are those of the one before.\n"
    )
    before = [None, *parts[:-1]]
    return head + "".join(map(_section, parts, before))


def _section(part: Document, before: Document | None) -> str:
    section = SECTIONS[part["part"]]
    again = before is not None and before["part"] == part["part"]
    blocks = [
        *([] if again else [f"## {section.title}"]),
        *(f"{text[0].upper()}{text[1:]}." for text in [_new_conditions(part, before)] if text),
        *([] if again else filter(None, [section.note])),
        *(_markdown(table) for table in (make(part) for make in section.tables) if table[1]),
        *(f"![{plot}]({plot_file(plot, part)})" for plot in section.plots),
    ]
    if part["verdicts"]:
        blocks.append(_markdown(verdicts_table(part)))
    return "\n" + "\n\n".join(blocks) + "\n"


def plot_file(plot: str, part: Document) -> str:
    """The name of its picture."""
    return f"{plot}{TUNED if part['settings'] else ''}.png"


def conditions(part: Document) -> str:
    """What the figures depend on, on one line."""
    return f"{', '.join(_conditions(part))}: `{part['command']}`"


def _new_conditions(part: Document, before: Document | None) -> str:
    """Return those that differ from the section before it."""
    if before is None:
        return conditions(part)
    new = [
        now for now, last in zip(_conditions(part), _conditions(before), strict=True) if now != last
    ]
    command = f"`{part['command']}`" if part["command"] != before["command"] else ""
    return ": ".join(filter(None, (", ".join(new), command)))


def _conditions(part: Document) -> tuple[str, ...]:
    """The machine, the server's settings, rows, rounds, the server's WAL, day."""
    settings = ", ".join(f"{name} = {value}" for name, value in part["settings"].items())
    rows = part["rows"] if isinstance(part["rows"], list) else [part["rows"]]
    shown = " to ".join(f"{number:,}" for number in sorted({rows[0], rows[-1]}))
    return (
        f"{part['cores']} cores, {part['memory_gb']} GB, PostgreSQL {part['postgresql']}",
        f"with {settings or 'default settings'}",
        f"{shown} rows",
        f"medians of {part['rounds']}",
        f"{'recycled' if part.get('in_service') else 'new'} WAL",
        part["measured_at"][:10],
    )


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
