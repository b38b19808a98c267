"""Functions that make tokens, some of them badly."""

from token_rotation.tokens.random_uuids import random_uuids

_calls: list[int] = []


def tiring(rows: int) -> list[str]:
    """Good for two batches; then it fails, and its error quotes a token."""
    _calls.append(rows)
    tokens = random_uuids(rows)
    if len(_calls) > 2:
        raise RuntimeError(f"could not sign {tokens[0]}")
    return tokens


def short(rows: int) -> list[str]:
    return random_uuids(rows - 1)


not_a_function = 7
