"""What people ask about a rotation: reports, history, evidence, valid tokens.

Changes no row.
"""
