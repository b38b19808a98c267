"""The ways to rotate that are compared. The first one is what the others are compared to.

The rows of the slow ones are chosen so that a run takes ten to thirty seconds on two cores, the
shares of ours under traffic so that a VACUUM runs beside them, as in any longer rotation.
"""

from benchmark.recipes.recipe import Recipe, install_triggers, program, rotate_tokens

BASELINE = Recipe("single-update", "single UPDATE", program("single_update"), resumes=False)
WELL_KNOWN = Recipe(
    "bulk-update-50",
    "bulk_update of 50 rows, progress saved each time",
    program("fifty_row_bulk_update"),
    rows_at_most=20_000,
)
ONE_WORKER = Recipe("rotate-1", "rotate_tokens", rotate_tokens(), traffic_share=0.25)
INDEPENDENT = Recipe(
    "rotate-independent",
    "rotate_tokens --independent-tokens",
    rotate_tokens("--independent-tokens"),
    only_speed=True,
)
INDEPENDENT_TWO_WORKERS = Recipe(
    "rotate-2-independent",
    "rotate_tokens --workers 2 --independent-tokens",
    rotate_tokens("--workers", "2", "--independent-tokens"),
    only_speed=True,
)
TWO_WORKERS = Recipe(
    "rotate-2",
    "rotate_tokens --workers 2",
    rotate_tokens("--workers", "2"),
    traffic_share=0.15,
)
FOUR_WORKERS = Recipe(
    "rotate-4",
    "rotate_tokens --workers 4",
    rotate_tokens("--workers", "4"),
    traffic_share=0.15,
)
PYTHON_TOKENS = Recipe(
    "rotate-python",
    "rotate_tokens, tokens made in Python by random_uuids",
    rotate_tokens(),
    environment={"DJANGO_SETTINGS_MODULE": "benchmark.projects.python_tokens.settings"},
    traffic_share=0.15,
)
COMPARED: tuple[Recipe, ...] = (
    BASELINE,
    Recipe("save", "row-by-row save()", program("row_by_row_save"), rows_at_most=10_000),
    WELL_KNOWN,
    Recipe(
        "bulk-update-1000",
        "bulk_update(batch_size=1000) over iterator()",
        program("bulk_update"),
        rows_at_most=25_000,
    ),
    Recipe("key-ranges", "UPDATEs of key ranges, no guard against locks", program("key_ranges")),
    ONE_WORKER,
    PYTHON_TOKENS,
    TWO_WORKERS,
    FOUR_WORKERS,
    INDEPENDENT,
    INDEPENDENT_TWO_WORKERS,
    Recipe(
        "rotate-retired",
        "rotate_tokens, hashes of retired tokens kept",
        rotate_tokens(),
        environment={"DJANGO_SETTINGS_MODULE": "benchmark.projects.retired_tokens.settings"},
        rows_at_most=250_000,
        traffic_share=0.25,
        preparation=install_triggers(),
    ),
    Recipe(
        "rewrite",
        "offline rewrite (CREATE TABLE AS)",
        program("offline_rewrite"),
        resumes=False,
    ),
)
