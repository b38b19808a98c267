"""The truth table of the guard, as data.

Pure: it knows neither Django nor SQL. The triggers take their texts from here. A test plays every
case on a server, and another compares the documentation.
"""
