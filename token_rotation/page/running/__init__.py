"""Running rotations as their records describe them."""
