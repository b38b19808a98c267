"""What the columns hold: tokens, none, their digests, or values that follow from them."""
