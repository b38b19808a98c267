"""Fresh tokens for an UPDATE.

The rest of the engine knows no kind of token.
"""
