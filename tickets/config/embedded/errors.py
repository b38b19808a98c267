"""Errors of an embedded server."""


class ClusterError(Exception):
    """A failed set-up, start or stop of the server."""
