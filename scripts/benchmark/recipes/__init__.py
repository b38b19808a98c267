"""The ways to rotate that are compared. The first one is what the others are compared to.

The rows of the slow ones are chosen so that a run takes ten to thirty seconds on two cores.
"""

from benchmark.recipes.recipe import Recipe, install_triggers, program, rotate_tokens

BASELINE = Recipe("single-update", "single UPDATE", program("single_update"), resumes=False)
WELL_KNOWN = Recipe(
    "bulk-update-50",
    "bulk_update of 50 rows, progress saved each time",
    program("fifty_row_bulk_update"),
    rows_at_most=20_000,
)
ONE_WORKER = Recipe("rotate-1", "rotate_tokens", rotate_tokens())
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
)
FOUR_WORKERS = Recipe(
    "rotate-4",
    "rotate_tokens --workers 4",
    rotate_tokens("--workers", "4"),
)
PYTHON_TOKENS = Recipe(
    "rotate-python",
    "rotate_tokens, tokens made in Python by random_uuids",
    rotate_tokens(),
    environment={"DJANGO_SETTINGS_MODULE": "benchmark.projects.python_tokens.settings"},
)
KEY_RANGES = Recipe(
    "key-ranges", "UPDATEs of key ranges, no guard against locks", program("key_ranges")
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
    KEY_RANGES,
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
        preparation=install_triggers(),
    ),
    Recipe(
        "rewrite",
        "offline rewrite (CREATE TABLE AS)",
        program("offline_rewrite"),
        resumes=False,
    ),
)
BUDGET_OF_2_MS = Recipe("budget-2", "budget of 2 ms", rotate_tokens("--traffic-budget-ms", "2"))
GENTLEST = Recipe(
    "gentlest",
    "15 rows, then 20 ms of rest",
    rotate_tokens("--traffic-budget-ms", "0", "--batch-rows", "15", "--pause-seconds", "0.02"),
    rows_at_most=20_000,
)
"""As a rotation works that nothing allows to grow: for a twentieth of the time."""
PACED: tuple[Recipe, ...] = (
    ONE_WORKER,
    BUDGET_OF_2_MS,
    Recipe("budget-20", "budget of 20 ms", rotate_tokens("--traffic-budget-ms", "20")),
    TWO_WORKERS,
    KEY_RANGES,
)
"""What is compared beside traffic, the default first."""

_ROW_BY_ROW = next(each for each in COMPARED if each.key == "save")
JOBS: tuple[Recipe, ...] = (
    Recipe("job", "a job, budget of 5 ms", program("job_of_saves", "5"), rows_at_most=20_000),
    Recipe("job-0", "a job, no regard", program("job_of_saves", "0"), rows_at_most=20_000),
    _ROW_BY_ROW,
)
"""The same work by a job with a cursor, and by a loop."""
