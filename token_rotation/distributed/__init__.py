"""A rotation spread over Celery workers on any number of machines.

The rotation's record hands out rounds. A round cuts the pending keys into ranges, each an operation
that one worker rotates with the ordinary engine. When no range of a round is at work any more, a
last task asks the data: nothing pending means complete, else there is another round. Nothing is
read back from the records to decide what is done.
"""
