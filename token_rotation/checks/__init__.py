"""Django system checks of declared models and their database.

They mend nothing.
"""

from token_rotation.checks import database, models

__all__ = ["database", "models"]
