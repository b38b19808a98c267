"""The table of operations, step by step; a released migration is never changed."""
