"""A promise that was not kept."""


class Violation(Exception):  # noqa: N818  (it is a finding, not a mishap)
    """The message says which promise, with figures and without any token."""
