"""The pieces that the page shows of one target."""
