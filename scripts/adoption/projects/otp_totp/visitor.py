"""Logs in to the package's admin site with the number that an authenticator shows."""

from __future__ import annotations

from binascii import unhexlify

from django.contrib.auth.models import User
from django_otp.oath import totp
from django_otp.plugins.otp_totp.models import TOTPDevice

from adoption.projects.one_time_passwords import log_in
from adoption.projects.visiting import NOTES, PASSWORD


class Visitor:
    """A token is "name:key"."""

    def issue(self, owner: str) -> str:
        user = User.objects.create_superuser(owner, password=PASSWORD)
        NOTES.take("TOTPDevice.objects.create")
        return f"{owner}:{TOTPDevice.objects.create(user=user).key}"

    def accepts(self, token: str) -> bool:
        name, _, key = token.partition(":")
        try:
            number = totp(unhexlify(key))
        except ValueError:
            return False
        return log_in(name, f"{number:06}")

    def stored(self, owner: str) -> str:
        return f"{owner}:{TOTPDevice.objects.get(user__username=owner).key}"
