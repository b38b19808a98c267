"""The verdict on a table, from one read of its heap, and indexes that lack entries."""
