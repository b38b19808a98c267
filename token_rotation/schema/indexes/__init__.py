"""Indexes that are built and dropped beside the traffic."""
