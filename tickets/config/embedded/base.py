"""Django's PostgreSQL backend with the embedded server.

The first connection starts the server. Besides Django's own settings a database needs DIRECTORY,
the server's directory.
"""

from typing import Any

from django.db import OperationalError
from django.db.backends.postgresql import base

from tickets.config.embedded.errors import ClusterError
from tickets.config.embedded.lease import ensure_server


class DatabaseWrapper(base.DatabaseWrapper):
    """A connection whose server runs while any process uses it."""

    def get_connection_params(self) -> dict[str, Any]:
        """Start the server unless it runs; return psycopg2's parameters."""
        try:
            ensure_server(self.settings_dict["DIRECTORY"])
        except (ClusterError, OSError) as error:
            raise OperationalError(f"the embedded server does not start: {error}") from error
        return super().get_connection_params()
