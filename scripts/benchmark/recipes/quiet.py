"""No rotation: what the others are compared to, for the application's traffic."""

import time


def rotate(seconds: str) -> int:
    time.sleep(float(seconds))
    return 0
