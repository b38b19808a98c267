"""Locks for DDL on tables that serve traffic, asked for in short attempts, aloud."""
