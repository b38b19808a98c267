"""SQL about lists of leaked tokens: the rows that they name, and the places that still hold one."""
