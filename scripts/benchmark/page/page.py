"""The figures as a Markdown page."""

import json
import re
from collections.abc import Sequence
from itertools import groupby
from pathlib import Path
from typing import Any

from benchmark.arguments import PARTS
from benchmark.page.sections import SECTIONS
from benchmark.page.tables import Document, Table, verdicts_table
from benchmark.parts.part import TUNED

SAID_BY_CONDITIONS = re.compile(r" --(rows|rounds|server) \S+")


def read_parts(directory: Path) -> list[dict[str, Any]]:
    """The parts that were ever measured, in the order in which they are shown."""
    files = [directory / f"{part}{tuned}.json" for part in PARTS for tuned in ("", TUNED)]
    return [json.loads(file.read_text()) for file in files if file.exists()]


def make_page(parts: Sequence[Document]) -> str:
    """A section a kind of part, each with what it was measured on."""
    head = (
        "# Measurements\n\nWhat a rotation costs: `scripts/bench` makes this page from the JSON "
        "files beside it.\nConditions that a section does not name are those of the one before.\n"
    )
    sections = [list(same) for _, same in groupby(parts, key=lambda part: str(part["part"]))]
    before = [None, *(section[-1] for section in sections[:-1])]
    return head + "".join(map(_section, sections, before))


def _section(parts: Sequence[Document], before: Document | None) -> str:
    """More than one part if a server with settings was measured, too."""
    section = SECTIONS[parts[0]["part"]]
    measured_on = map(_new_conditions, parts, [before, *parts[:-1]])
    tables = [[make(part) for part in parts] for make in (*section.tables, verdicts_table)]
    blocks = [
        f"## {section.title}",
        *(f"{text[0].upper()}{text[1:]}." for text in measured_on if text),
        *filter(None, [section.note]),
        *(_markdown(table) for same in tables[:-1] for table in _joined(same, parts)),
        *(f"![{plot}]({plot_file(plot, part)})" for part in parts for plot in section.plots),
        *(_markdown(table) for table in _joined(tables[-1], parts)),
    ]
    return "\n" + "\n\n".join(blocks) + "\n"


def _joined(tables: Sequence[Table], parts: Sequence[Document]) -> list[Table]:
    """One table of those that have the same labels and no other heads; none of an empty one."""
    shown = [(table, part) for table, part in zip(tables, parts, strict=True) if table[1]]
    labels = {tuple(row[0] for row in rows) for (_, rows), _ in shown}
    if len(shown) < 2 or len(labels) > 1 or any(any(heads[1:]) for (heads, _), _ in shown):
        return [table for table, _ in shown]
    (first, _), _ = shown[0]
    heads = [first[0], *(head for table, part in shown for head in _named(table, part))]
    rows = zip(*(rows for (_, rows), _ in shown), strict=True)
    return [(heads, [[same[0][0], *(cell for row in same for cell in row[1:])] for same in rows])]


def _named(table: Table, part: Document) -> list[str]:
    """The heads of its columns, but for the first."""
    return [_settings(part), *table[0][2:]]


def plot_file(plot: str, part: Document) -> str:
    """The name of its picture."""
    return f"{plot}{TUNED if part['settings'] else ''}.png"


def conditions(part: Document) -> str:
    """What the figures depend on, on one line."""
    return f"{', '.join(_conditions(part))}: {_command(part)}"


def _command(part: Document) -> str:
    """The command without what the conditions say."""
    return f"`{SAID_BY_CONDITIONS.sub('', part['command'])}`"


def _new_conditions(part: Document, before: Document | None) -> str:
    """Return those that differ from the section before it."""
    if before is None:
        return conditions(part)
    new = [
        now for now, last in zip(_conditions(part), _conditions(before), strict=True) if now != last
    ]
    command = _command(part) if part["command"] != before["command"] else ""
    return ": ".join(filter(None, (", ".join(new), command)))


def _conditions(part: Document) -> tuple[str, ...]:
    """The machine, the server's settings, rows, rounds, the server's WAL, day."""
    rows = part["rows"] if isinstance(part["rows"], list) else [part["rows"]]
    shown = " to ".join(f"{number:,}" for number in sorted({rows[0], rows[-1]}))
    return (
        f"{part['cores']} cores, {part['memory_gb']} GB, PostgreSQL {part['postgresql']}",
        f"with {_settings(part)}",
        f"{shown} rows",
        f"medians of {part['rounds']}",
        f"{'recycled' if part.get('in_service') else 'new'} WAL",
        part["measured_at"][:10],
    )


def _settings(part: Document) -> str:
    """Those of the server."""
    named = (f"{name} = {value}" for name, value in part["settings"].items())
    return ", ".join(named) or "default settings"


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
