"""Errors of an embedded server."""


class ClusterError(Exception):
    """The server could not be set up, started or stopped."""
