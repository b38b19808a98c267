"""Read orders from stdin, a JSON object a line, until it ends; then print the summary.

The first order is the beginning: database_url, username, password, ports, phase, interval_seconds
and tickets (a list of [id, token] for each customer). Each later one names phase, ports and
requests, and is answered when no request of the phase before is under way any more and the new
phase has seen that many requests.
"""

import json
import os
import sys
import threading
import time
from typing import Any

from tests.support.load.counts import Counts
from tests.support.load.customer import Customer, Held
from tests.support.load.http import Login
from tests.support.load.route import Balancer


def main() -> None:
    begin = json.loads(sys.stdin.readline())
    balancer, counts = Balancer(begin["phase"], begin["ports"]), Counts()
    login = Login.make(begin["ports"][0], begin["username"], begin["password"])
    customers = [
        Customer(
            number,
            [Held(*each) for each in tickets],
            balancer=balancer,
            counts=counts,
            login=login,
            database_url=begin["database_url"],
            interval_seconds=begin["interval_seconds"],
        )
        for number, tickets in enumerate(begin["tickets"])
    ]
    for customer in customers:
        customer.start()
    for line in sys.stdin:
        order = json.loads(line)
        route = balancer.change(order["phase"], order["ports"])
        while (
            any(each.seen_route < route.number for each in customers)
            or counts.requests(route.phase) < order["requests"]
        ):
            time.sleep(0.005)
        say(counts.summary()["phases"][route.phase])
    for customer in customers:
        customer.ask_to_stop()
    for customer in customers:
        customer.join()
    say({**counts.summary(), **what_they_hold(customers)})


def what_they_hold(customers: list[Customer]) -> dict[str, Any]:
    tickets = [ticket for customer in customers for ticket in customer.tickets]
    return {
        "acknowledged": {ticket.id: ticket.acknowledged for ticket in tickets},
        "dead": [token for ticket in tickets for token in ticket.dead],
    }


def end_at_once(failed: threading.ExceptHookArgs) -> None:
    """A customer that is gone would make the load, and every figure, a lie."""
    threading.__excepthook__(failed)
    os._exit(1)


def say(fact: Any) -> None:
    sys.stdout.write(json.dumps(fact) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    threading.excepthook = end_at_once
    main()
