"""Owners are told of their new tokens, once each, from the data."""
