"""Django system checks of declared models and their database.

They mend nothing.
"""

from token_rotation.checks import database, models, sent_tokens

__all__ = ["database", "models", "sent_tokens"]
