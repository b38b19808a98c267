"""django-otp's admin site, which asks for a password and a token of a chosen device."""

from __future__ import annotations

from django.contrib.auth.models import User
from django_otp import devices_for_user

from adoption.projects.visiting import PASSWORD, Browser


def log_in(name: str, token: str) -> bool:
    """Return True if the site lets the person in."""
    user = User.objects.filter(username=name).first()
    if user is None:
        return False
    (device,) = devices_for_user(user)
    form = {"username": name, "password": PASSWORD, "otp_token": token}
    chosen = {**form, "otp_device": device.persistent_id}
    return bool(Browser().post("/admin/login/?next=/", chosen).status_code == 302)
