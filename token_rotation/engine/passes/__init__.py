"""One pass over the pending rows.

It knows what the pass hands out, what it left, and if it made progress. No UPDATE here.
"""
