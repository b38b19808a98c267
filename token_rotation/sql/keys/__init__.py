"""SQL about keys: their order, ranges of them, who refers to them, and the walk along them."""
