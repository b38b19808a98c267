"""Locks for DDL on tables that serve traffic, taken in short attempts."""
