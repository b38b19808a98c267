"""Signs up, and activates the account with the link that was mailed."""

from __future__ import annotations

import re

from django.core import mail
from registration.models import RegistrationProfile

from adoption.projects.visiting import PASSWORD, Browser


class Visitor:
    def issue(self, owner: str) -> str:
        form = {"username": owner, "email": f"{owner}@example.com"}
        passwords = {"password1": PASSWORD, "password2": PASSWORD}
        Browser().post("/accounts/register/", {**form, **passwords})
        (key, *_) = re.findall(r"activate/(\w+)", f"{mail.outbox[-1].body}")
        return str(key)

    def accepts(self, token: str) -> bool:
        return bool(Browser().get(f"/accounts/activate/{token}/").status_code == 302)

    def stored(self, owner: str) -> str:
        return str(RegistrationProfile.objects.get(user__username=owner).activation_key)
