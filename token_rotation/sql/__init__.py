"""SQL texts, one builder a statement, not executed here.

Identifiers are quoted, values stay named parameters for the caller. Each module says which lock
its statements take on the target's table.
"""
