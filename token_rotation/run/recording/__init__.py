"""The stored record of a run.

The run writes it while it works. Others read it, and can stop the run through it. Nothing is
shown here.
"""
