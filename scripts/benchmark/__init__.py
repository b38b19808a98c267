"""Measures ways to rotate every token: speed, memory, disk, log, traffic, going on after a kill.

`server` and `databases` give every run the same start; a recipe (`recipes/`) is one way to rotate,
run as a program of its own by `client`; a measure (`measures/`) is one figure of one run. A part
(a key of `arguments.PARTS`) is what is measured in one go and becomes one JSON file, from which
`page` and `plots` are made.

A new way to rotate is one object in recipes.COMPARED; a new figure is one in measures.TAKEN.
"""
