"""The target of a rotation, and its rows.

Pure values: no Django and no database.
"""
