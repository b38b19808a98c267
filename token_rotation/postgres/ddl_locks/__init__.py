"""Locks for DDL on tables in use, in short attempts.

The tables serve traffic. The DDL is the caller's.
"""
