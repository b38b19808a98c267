"""Signs up, and confirms the address with the link that was mailed."""

from __future__ import annotations

import re

from allauth.account.models import EmailConfirmation
from django.core import mail

from adoption.projects.visiting import PASSWORD, Browser


class Visitor:
    def issue(self, owner: str) -> str:
        form = {"username": owner, "email": f"{owner}@example.com"}
        passwords = {"password1": PASSWORD, "password2": PASSWORD}
        Browser().post("/accounts/signup/", {**form, **passwords})
        (key, *_) = re.findall(r"confirm-email/(\w+)", f"{mail.outbox[-1].body}")
        return str(key)

    def accepts(self, token: str) -> bool:
        return bool(Browser().post(f"/accounts/confirm-email/{token}/").status_code == 302)

    def stored(self, owner: str) -> str:
        return str(EmailConfirmation.objects.get(email_address__user__username=owner).key)
