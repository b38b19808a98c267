"""What can be measured: one module a part, and what all parts share."""
