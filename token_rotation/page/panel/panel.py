"""Everything the page shows of one target, in pieces.

The page sends a piece again when it changes.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

from django.utils.text import slugify

from token_rotation.page.look import looks
from token_rotation.page.panel.chart import Chart, chart_of
from token_rotation.page.panel.condition import Condition, condition_of
from token_rotation.page.panel.controls import Controls, controls_of
from token_rotation.page.panel.figures import Figures, figures_of
from token_rotation.page.panel.history import History, history_of
from token_rotation.page.piece import Piece
from token_rotation.page.running.records import database_now, read_records
from token_rotation.selection.target import Target


@dataclass(frozen=True, slots=True)
class Panel:
    target: Target
    slug: str
    figures: Piece
    chart: Piece
    condition: Piece
    controls: Piece
    history: Piece

    @property
    def pieces(self) -> tuple[Piece, ...]:
        return self.figures, self.chart, self.condition, self.controls, self.history


def panel_of(target: Target, *, may_control: bool) -> Panel:
    """Return the panel of a target.

    Shows problems of the database instead of raising.
    """
    records = read_records(target)
    look = looks.at(target, records.moment, partial(database_now, target))
    figures = figures_of(target, look, records)
    slug = slugify(target.label.replace(".", "-"))
    parts: dict[str, Figures | Chart | Condition | Controls | History] = {
        "figures": figures,
        "chart": chart_of(records),
        "condition": condition_of(look),
        "controls": controls_of(target, look, records, may_control=may_control),
        "history": history_of(records),
    }
    return Panel(target, slug, **{name: Piece(name, slug, data) for name, data in parts.items()})
