"""Reports on a rotation: state, history, evidence, valid tokens.

Changes no row.
"""
