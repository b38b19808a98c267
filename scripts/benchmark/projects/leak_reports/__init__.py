"""The site, whose webhook for leak reports is open."""

KEY_ID = "bench"
KEY_VARIABLE = "BENCH_PUBLIC_KEY"
"""Of the environment: the public key in PEM."""
