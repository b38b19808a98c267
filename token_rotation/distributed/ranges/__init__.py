"""One range of a round: attempt, heartbeat and totals.

An attempt is that of one worker. No round is decided here.
"""
