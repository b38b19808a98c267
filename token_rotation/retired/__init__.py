"""Table of retired tokens: look-ups, proof and pruning.

The triggers are elsewhere.
"""
