"""One batch on one connection.

Find its rows, update them, and learn what committed.
"""
