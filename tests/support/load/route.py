"""Which servers get the requests, as a load balancer would decide it during a deploy."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Route:
    """`ports` serve during `phase`; `number` grows with every change."""

    number: int
    phase: str
    ports: list[int]


class Balancer:
    """Holds the present route. Assignment is atomic, so readers need no lock."""

    def __init__(self, phase: str, ports: list[int]) -> None:
        self.route = Route(0, phase, ports)

    def change(self, phase: str, ports: list[int]) -> Route:
        self.route = Route(self.route.number + 1, phase, ports)
        return self.route
