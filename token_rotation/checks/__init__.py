"""Django system checks of declared models and of the database behind them."""

from token_rotation.checks import database, models

__all__ = ["database", "models"]
