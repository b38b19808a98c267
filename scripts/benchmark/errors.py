"""What ends a benchmark early."""


class BenchmarkError(Exception):
    """Something that is measured did not do its work; the message says what, on one line."""
