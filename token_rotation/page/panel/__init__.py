"""The pieces that the page shows of one target; nothing here starts or stops a rotation."""
