"""The ways to rotate that are compared. The first one is what the others are compared to."""

from benchmark.recipe import Recipe
from benchmark.recipes.rotate_tokens import RotateTokens
from benchmark.recipes.single_update import SingleUpdate

BASELINE = SingleUpdate()
DEFAULT_ROTATION = RotateTokens()
COMPARED: tuple[Recipe, ...] = (BASELINE, DEFAULT_ROTATION)
