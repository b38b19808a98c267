"""Rounds of a distributed rotation: split, begin, end, what comes next. It rotates no row."""
