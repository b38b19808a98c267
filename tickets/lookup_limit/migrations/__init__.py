"""The table of failure counts, step by step; it knows no link and no ticket."""
