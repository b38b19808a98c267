"""Scanners read the rules, and find the tokens with them."""

import re
import tomllib
from typing import Any

import pytest
import yaml

from token_rotation.tokens.formats import TokenFormat, characters, hexadecimal, prefixed, urlsafe
from token_rotation.tokens.pattern import bounded, is_findable, pattern
from token_rotation.tokens.scanner_rules import RULES

FORMATS = {
    "shop.Device": prefixed("tkt_"),
    "shop.Key.secret": urlsafe(prefix="sk.live-"),
    "shop.Hook": hexadecimal(upper=True, prefix="wh*"),
    "shop.Odd": characters("[]^-&~|#.ab01", prefix="o.d|"),
}


@pytest.mark.parametrize("tokens", FORMATS.values())
def test_the_expression_matches_what_is_made_and_nothing_else(tokens: TokenFormat) -> None:
    for token in tokens.make(50):
        assert re.fullmatch(pattern(tokens), token)
        assert not re.fullmatch(pattern(tokens), token[:-1])
        assert not re.fullmatch(pattern(tokens), "x" + token[1:])
        for around in ('"{}"', "{}", "t={}\n", "{} {}"):
            assert re.search(bounded(tokens), around.format(token, token))[1] == token  # type: ignore[index]


def rules_of(scanner: str) -> dict[str, str]:
    text = RULES[scanner](FORMATS)
    if scanner == "gitleaks":
        rules: Any = tomllib.loads(text)["rules"]
        assert all(each["secretGroup"] == 1 for each in rules)
        return {each["keywords"][0]: each["regex"] for each in rules}
    if scanner == "trufflehog":
        detectors: Any = yaml.safe_load(text)["detectors"]
        return {each["keywords"][0]: each["regex"]["token"] for each in detectors}
    if scanner == "github":
        texts = re.findall("^Secret format: (.*)$", text, re.MULTILINE)
    else:
        texts = [line.partition("\t")[2] for line in text.splitlines()]
    return dict(zip((each.prefix for each in FORMATS.values()), texts, strict=True))


@pytest.mark.parametrize("scanner", RULES)
def test_every_scanner_gets_one_rule_a_token_in_its_own_language(scanner: str) -> None:
    rules = rules_of(scanner)
    assert list(rules) == [each.prefix for each in FORMATS.values()]
    for tokens in FORMATS.values():
        (token,) = tokens.make(1)
        assert re.search(rules[tokens.prefix], f'"{token}"')
        assert not re.search(rules[tokens.prefix], token[len(tokens.prefix) :])


@pytest.mark.parametrize("tokens", [hexadecimal(), urlsafe(prefix="t_"), urlsafe(prefix="---")])
def test_without_a_telling_prefix_no_scanner_can_know_them(tokens: TokenFormat) -> None:
    assert not is_findable(tokens)
