"""One pass over the pending rows: what it hands out and left, if it advanced. No UPDATE here."""
