"""Declared steps of an operation; nothing here runs them."""
