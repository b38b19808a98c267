"""Django system checks of declared models and of the database behind them; they mend nothing."""

from token_rotation.checks import database, models

__all__ = ["database", "models"]
