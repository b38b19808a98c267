"""Locks for DDL on tables that serve traffic, taken in short attempts; the DDL is the caller's."""
