"""Running rotations as their records describe them; no HTML, and no look at their tables."""
