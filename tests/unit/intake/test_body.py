"""Bodies of reports are read or refused whole; an answer holds no token."""

import json
from hashlib import sha256

import pytest

from tests.support.signing import report_of
from token_rotation.intake.body import (
    BodyError,
    TooManyTokensError,
    partners_answer,
    read_partner,
    read_tokens,
)
from token_rotation.intake.outcome import LeakOutcome
from token_rotation.intake.report import LeakReport, ReportedToken

MALFORMED = [
    b"",
    b"\xff",
    b"{}",
    b"[1]",
    b'["a"]',
    b'[{"token": 1, "type": "a"}]',
    b'[{"token": "a"}]',
    b"[" * 100_000,
    b'{"tokens": ["a"], "tokens": ["b"]}',
    b'[{"token": "a", "type": "t", "token": "b"}]',
]


@pytest.mark.parametrize("body", MALFORMED)
def test_a_body_of_another_shape_is_refused(body: bytes) -> None:
    with pytest.raises(BodyError):
        read_partner(body)
    with pytest.raises(BodyError):
        read_tokens(body)


def test_a_report_keeps_neither_its_urls_nor_a_source_that_nobody_knows() -> None:
    (token,) = read_partner(report_of(["secret"], source="secret", url="https://x/secret"))
    assert (token.text, token.kind, token.source) == ("secret", "tkt", "other")
    (token,) = read_partner(report_of(["secret"], source="Gist_content"))
    assert token.source == "gist_content"
    report = LeakReport((token, token), "webhook")
    assert (report.texts, report.sources) == (["secret"], {"gist_content": 2})
    assert "secret" not in repr(report)
    assert "secret" not in repr(token)


def test_a_call_may_have_a_thousand_tokens_and_no_more() -> None:
    listed = [f"{n}" for n in range(1_001)]
    with pytest.raises(TooManyTokensError):
        read_tokens(json.dumps({"tokens": listed}).encode())
    assert len(read_tokens(json.dumps({"tokens": listed[1:]}).encode())) == 1_000
    for unfit in ([], [1], "text", None):
        with pytest.raises(BodyError):
            read_tokens(json.dumps({"tokens": unfit}).encode())


def test_an_answer_has_hashes_and_only_labels_that_are_known() -> None:
    tokens = (ReportedToken("ours", "tkt"), ReportedToken("noise \ud800", "tkt"))
    known = LeakOutcome(2, found=frozenset({"ours"}))
    ours, noise = json.loads(partners_answer(tokens, known))
    assert ours == {
        "token_hash": sha256(b"ours").hexdigest(),
        "token_type": "tkt",
        "label": "true_positive",
    }
    assert noise["label"] == "false_positive"
    for doubtful in (
        LeakOutcome(2, found=frozenset({"ours"}), unsearched=("shop.Hashed",)),
        LeakOutcome(2, found=frozenset({"ours"}), failures={"shop.Device": "gone"}),
    ):
        (only,) = json.loads(partners_answer(tokens, doubtful))
        assert only == ours


def test_what_is_left_or_not_known_is_not_complete() -> None:
    assert LeakOutcome(1).is_complete
    assert not LeakOutcome(1, left=frozenset({"ours"})).is_complete
    assert not LeakOutcome(1, failures={"shop.Device": "gone"}).is_complete
