"""Invites people by mail, and opens the links."""

from __future__ import annotations

import re

from django.core import mail
from invitations.models import Invitation

from adoption.projects.visiting import Browser, logged_in, person


class Visitor:
    def issue(self, owner: str) -> str:
        inviter = logged_in(person(f"friend-of-{owner}"))
        invited = [f"{owner}@example.org"]
        inviter.post("/invitations/send-json-invite/", invited, content_type="application/json")
        (key,) = re.findall(r"accept-invite/(\w+)", f"{mail.outbox[-1].body}")
        return str(key)

    def accepts(self, token: str) -> bool:
        return bool(Browser().post(f"/invitations/accept-invite/{token}").status_code == 302)

    def stored(self, owner: str) -> str:
        return str(Invitation.objects.get(email=f"{owner}@example.org").key)
