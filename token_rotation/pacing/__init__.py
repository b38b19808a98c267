"""How fast a rotation goes: batch sizes, waits, readings of the server. No UPDATE here."""
