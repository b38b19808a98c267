"""The programs that a measurement starts: servers, recipes, the project's own commands."""
