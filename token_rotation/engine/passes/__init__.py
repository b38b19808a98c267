"""One pass over the pending rows: what it hands out, what it left, whether it made progress."""
