"""One range of a round: a worker's attempt at it, its heartbeat and its totals."""
