"""The table of retired tokens: look-ups, proof and pruning; the triggers are elsewhere."""
