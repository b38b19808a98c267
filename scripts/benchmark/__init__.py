"""Measures how fast the rotation is, and what the application's traffic feels of it.

`server` and `databases` give every run the same start; a recipe (`recipes/`) is one way to rotate
every token; a measure (`measures/`) is one figure of one run. `speed` compares recipes by measures,
`latency` compares what `traffic` feels while recipes run. `findings` is what comes out of it.

A new way to rotate is one object in recipes/, named in recipes.COMPARED; a new figure is one object
in measures/, named in measures.TAKEN.
"""
