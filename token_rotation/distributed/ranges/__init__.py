"""One range of a round: an attempt at it, its heartbeat and totals. It decides no round."""
