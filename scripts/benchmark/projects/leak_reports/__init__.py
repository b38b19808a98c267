"""The site with the doors for leak reports."""

KEY_ID = "bench"
KEY_VARIABLE = "BENCH_PUBLIC_KEY"
"""Of the environment: the public key in PEM."""
