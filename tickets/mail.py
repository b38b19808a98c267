"""Mails to requesters: the new link of a ticket."""

from collections.abc import Sequence
from smtplib import SMTPDataError, SMTPRecipientsRefused
from typing import Any
from urllib.parse import urljoin

from django.conf import settings
from django.core.mail import EmailMessage, get_connection
from django.template.loader import render_to_string
from django.urls import reverse

from tickets.errors import NoSiteUrlError
from token_rotation import Notice

SUBJECT = "Your ticket has a new link"
KEY_HEADER = "X-Idempotency-Key"
PERMANENT = 500
"""SMTP codes from here on are no use to try again."""


def tell_requesters(notices: Sequence[Notice]) -> None:
    """Send a mail for each notice, over one connection.

    Raises NoSiteUrlError before any is sent, and what smtplib raises where the server fails.
    """
    if not settings.SITE_URL:
        raise NoSiteUrlError
    with get_connection() as connection:
        for notice in notices:
            _send(notice, connection)


def _send(notice: Notice, connection: Any) -> None:
    """A mail that the server defers is neither told nor refused: the next run sends it."""
    try:
        sent = connection.send_messages([_mail(notice)])
    except SMTPRecipientsRefused as error:
        code = max(code for code, _ in error.recipients.values())
    except SMTPDataError as error:
        code = error.smtp_code
    else:
        if sent:
            notice.told()
        return
    if code >= PERMANENT:
        notice.refuse(f"SMTP {code}")


def _mail(notice: Notice) -> EmailMessage:
    link = urljoin(settings.SITE_URL, reverse("tickets:ticket", args=[notice.row.token]))
    body = render_to_string("tickets/new_link.txt", {"link": link})
    headers = {KEY_HEADER: notice.key, "Message-ID": f"<{notice.key}@tickets>"}
    return EmailMessage(SUBJECT, body, to=[notice.row.requester_email], headers=headers)
