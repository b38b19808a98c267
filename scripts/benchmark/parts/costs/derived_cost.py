"""What a rotation costs that keeps a derived column in step."""

import statistics

from benchmark.announce import announce
from benchmark.parts.part import Part
from benchmark.parts.rounds import shifted
from benchmark.processes.connection import connected
from benchmark.processes.databases import Databases
from benchmark.projects.derived_columns.apps import SHA256
from benchmark.recipes.recipe import Recipe, install_triggers, rotate_tokens

SETTINGS = {"DJANGO_SETTINGS_MODULE": "benchmark.projects.derived_columns.settings"}
PLAIN = Recipe("", "no derived column", rotate_tokens())
DERIVED = Recipe(
    "",
    "the SHA-256 of the token kept",
    rotate_tokens(),
    environment=SETTINGS,
    preparation=install_triggers(),
)
OF_THE_TOKEN = SHA256.format(token="token")
OF_ANYTHING = "md5(random()::text) || md5(random()::text)"


def measure_derived_cost(databases: Databases, *, rows: int, rounds: int) -> Part:
    """Rows a second of `rotate_tokens` with such a column and without; the rows are as wide."""
    runs: dict[str, list[float]] = {recipe.title: [] for recipe in (PLAIN, DERIVED)}
    for number in range(rounds):
        for recipe in shifted((PLAIN, DERIVED), number):
            announce(f"derived, round {number + 1} of {rounds}: {recipe.title}")
            runs[recipe.title].append(_rate(databases, recipe, rows))
    plain, derived = runs[PLAIN.title], runs[DERIVED.title]
    ratios = [kept / without for kept, without in zip(derived, plain, strict=True)]
    figures = {
        "rows_per_second_plain": statistics.median(plain),
        "rows_per_second_derived": statistics.median(derived),
        "rate_derived_to_plain": statistics.median(ratios),
        "runs": {"plain": plain, "derived": derived},
    }
    return Part("derived", figures)


def _rate(databases: Databases, recipe: Recipe, rows: int) -> float:
    with databases.clone(rows) as url:
        with connected(url) as connection, connection.cursor() as cursor:
            value = OF_THE_TOKEN if recipe is DERIVED else OF_ANYTHING
            for statement in (
                "ALTER TABLE tickets_ticket DISABLE TRIGGER USER",
                f"UPDATE tickets_ticket SET subject = {value}",
                "ALTER TABLE tickets_ticket ENABLE TRIGGER USER",
                "VACUUM (FULL, ANALYZE) tickets_ticket",
                "CHECKPOINT",
            ):
                cursor.execute(statement)
        recipe.prepare(url)
        finished = recipe.run(url)
        databases.check(url, recipe, finished, rows)
    return finished.rows / finished.seconds
