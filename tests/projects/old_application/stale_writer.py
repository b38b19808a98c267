"""Old code with a long memory: loads tickets once, then saves the same instances until stdin ends.

Usage: python -m tests.projects.old_application.stale_writer ID... Prints "loaded", and in the end
the subjects that were saved last, as JSON by id. Every save writes the token that was loaded.
"""

import json
import select
import sys
from itertools import cycle

import django


def main(ids: list[int]) -> None:
    from tests.projects.old_application.models import Ticket  # noqa: PLC0415  (Django must be set up first)

    tickets = list(Ticket.objects.filter(pk__in=ids))
    sys.stdout.write("loaded\n")
    sys.stdout.flush()
    saved: dict[int, str] = {}
    for number, ticket in enumerate(cycle(tickets)):
        # Between two saves it waits a moment for the end of stdin, which is the order to stop.
        if select.select([sys.stdin], [], [], 0.02)[0]:
            break
        ticket.subject = f"Late change {number}"
        ticket.save()
        saved[ticket.pk] = ticket.subject
    json.dump({"saves": number, "subjects": saved}, sys.stdout)


if __name__ == "__main__":
    django.setup()
    main([int(each) for each in sys.argv[1:]])
