"""Names that an adopter's models and code use.

The command's own work is elsewhere.
"""
