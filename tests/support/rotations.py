"""The shape of the fixture that makes engines."""

from collections.abc import Callable

from token_rotation.engine.rotation import Rotation

RotationFactory = Callable[..., Rotation]
