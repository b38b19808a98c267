"""Notice that a server has fallen silent, and what a statement waits for.

Bounds the silence of a statement, never its duration. Knows no table, and sends no statement but
its own question.
"""
