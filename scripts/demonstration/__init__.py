"""A rotation to watch, on an embedded server of its own: as a story, or in the browser."""
