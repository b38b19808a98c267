"""What an UPDATE sets: fresh tokens, or the columns that a project declares.

The rest of the engine knows no kind of value.
"""
