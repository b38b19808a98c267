"""Opens tickets as somebody from outside, and looks at them with the link."""

from __future__ import annotations

from urllib.parse import urlencode, urlsplit

from helpdesk.models import Queue, Ticket

from adoption.projects.visiting import Browser


class Visitor:
    """A token is the query of a ticket's link."""

    def issue(self, owner: str) -> str:
        public = {"title": "Support", "allow_public_submission": True}
        queue, _ = Queue.objects.get_or_create(slug="support", defaults=public)
        form = {
            "queue": queue.pk,
            "title": "Printer",
            "body": "It smokes",
            "priority": 3,
            "submitter_email": f"{owner}@example.com",
        }
        return urlsplit(Browser().post("/helpdesk/tickets/submit/", form).headers["location"]).query

    def accepts(self, token: str) -> bool:
        answer = Browser().get(f"/helpdesk/view/?{token}")
        return "helpdesk/public_view_ticket.html" in {each.name for each in answer.templates}

    def stored(self, owner: str) -> str:
        ticket = Ticket.objects.get(submitter_email=f"{owner}@example.com")
        words = {"ticket": ticket.ticket_for_url, "email": ticket.submitter_email}
        return urlencode({**words, "key": ticket.secret_key})
