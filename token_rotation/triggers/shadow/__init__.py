"""Shadow columns: their declaration, and the triggers that keep their marker truthful."""
