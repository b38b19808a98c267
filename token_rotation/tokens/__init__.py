"""Sources of fresh tokens, in Python and SQL text.

Nothing here reaches a database.
"""
