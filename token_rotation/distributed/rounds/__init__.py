"""Rounds of a distributed rotation: split what is pending, begin, end, decide what comes next."""
