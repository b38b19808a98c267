"""Signed evidence: an envelope of in-toto's form (DSSE), signed with Ed25519."""
