"""Management commands: each parses its arguments and hands over; the work lives below."""
