"""Rounds of a distributed rotation: split, begin, end and decide.

A round splits what is pending. After its end the verdict decides what comes next. No row is rotated
here.
"""
