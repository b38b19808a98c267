"""Logs in to the package's admin site with a token that its command adds."""

from __future__ import annotations

from io import StringIO

from django.contrib.auth.models import User
from django.core.management import call_command
from django_otp.plugins.otp_static.models import StaticToken

from adoption.projects.one_time_passwords import log_in
from adoption.projects.visiting import NOTES, PASSWORD


class Visitor:
    """A token is "name:token", since the package asks for both."""

    def issue(self, owner: str) -> str:
        User.objects.create_superuser(owner, password=PASSWORD)
        said = StringIO()
        call_command("addstatictoken", owner, stdout=said)
        NOTES.take("addstatictoken")
        return f"{owner}:{said.getvalue().strip()}"

    def accepts(self, token: str) -> bool:
        name, _, word = token.partition(":")
        return log_in(name, word)

    def stored(self, owner: str) -> str:
        return f"{owner}:{StaticToken.objects.get(device__user__username=owner).token}"
