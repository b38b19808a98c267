"""The shape of the fixture that makes engines."""

from collections.abc import Callable

from tickets.rotation.engine import Rotation

RotationFactory = Callable[..., Rotation]
