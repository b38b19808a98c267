"""The functions of this library that triggers and defaults call."""

from token_rotation.tokens.checksum import CHECKSUM_MIGRATION, WITH_CHECKSUM
from token_rotation.triggers.retired_sql import FUNCTIONS, FUNCTIONS_MIGRATION

MADE_BY = {**dict.fromkeys(FUNCTIONS, FUNCTIONS_MIGRATION), WITH_CHECKSUM: CHECKSUM_MIGRATION}
"""The migration that creates each."""
