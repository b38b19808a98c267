"""Leaked tokens tried against the running application.

Nothing here reads a table.
"""
