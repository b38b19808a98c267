"""Tell receivers, after the commit, which rows got new tokens; rotates nothing, names no token."""
