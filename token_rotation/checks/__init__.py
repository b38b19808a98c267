"""Django system checks of declared models, their database, and what is installed.

They mend nothing.
"""

from token_rotation.checks import (
    database,
    installed,
    intake,
    models,
    owners,
    sent_tokens,
    shadows,
)

__all__ = ["database", "installed", "intake", "models", "owners", "sent_tokens", "shadows"]
