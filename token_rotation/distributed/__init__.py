"""A rotation distributed over Celery workers on several machines.

The number of machines does not matter. Each round cuts the pending keys into ranges, and a worker
rotates a range with the ordinary engine. When no range of a round is left, the last task asks the
data: nothing pending means complete, else another round follows. No module here decides from the
records what is done.
"""
