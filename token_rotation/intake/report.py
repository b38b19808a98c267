"""What somebody reported. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from uuid import UUID

SOURCES = {
    *("content", "commit", "commit_comment", "npm", "unknown"),
    *("pull_request_title", "pull_request_description", "pull_request_comment"),
    *("issue_title", "issue_description", "issue_comment"),
    *("discussion_title", "discussion_body", "discussion_comment"),
    *("gist_content", "gist_comment"),
}
"""Where a partner may have found a token. Any other text might hold one."""
OTHER = "other"


@dataclass(frozen=True, slots=True)
class ReportedToken:
    """A token, the type that a partner calls it by, and where it was found.

    Its repr shows neither text: tracebacks do.
    """

    text: str = field(repr=False)
    kind: str = field(default="", repr=False)
    source: str = OTHER


@dataclass(frozen=True, slots=True)
class LeakReport:
    """Tokens that came through a door.

    ``key`` is the same for the same report, sent again; None: each counts as another one. With
    ``is_even``, unknown tokens cost as much work as known ones, so that no time tells them apart.
    """

    tokens: tuple[ReportedToken, ...] = field(repr=False)
    door: str
    key: UUID | None = None
    is_even: bool = False

    @property
    def texts(self) -> list[str]:
        """Each token once."""
        return list(dict.fromkeys(each.text for each in self.tokens))

    @property
    def sources(self) -> Mapping[str, int]:
        """The number of tokens from each source."""
        return dict(Counter(each.source for each in self.tokens))


def known_source(text: object) -> str:
    """Return a source as it may be stored."""
    source = text.lower() if isinstance(text, str) else ""
    return source if source in SOURCES else OTHER
