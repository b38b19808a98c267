"""Proof that leaked tokens open nothing, and where copies of them are stored.

Nothing here changes a row; lists go into temporary tables.
"""
