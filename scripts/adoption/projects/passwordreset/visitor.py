"""Asks for a reset of a password; the signal tells the token, as if it had been mailed."""

from __future__ import annotations

from typing import Any

from django_rest_passwordreset.models import ResetPasswordToken
from django_rest_passwordreset.signals import reset_password_token_created

from adoption.projects.visiting import Browser, person


class Visitor:
    def __init__(self) -> None:
        self._mailed: list[str] = []
        reset_password_token_created.connect(self._receive)

    def _receive(self, *, reset_password_token: ResetPasswordToken, **_: Any) -> None:
        self._mailed.append(reset_password_token.key)

    def issue(self, owner: str) -> str:
        Browser().post("/reset/", {"email": person(owner).email})
        return self._mailed.pop()

    def accepts(self, token: str) -> bool:
        answer = Browser().post("/reset/validate_token/", {"token": token})
        return bool(answer.status_code == 200)

    def stored(self, owner: str) -> str:
        return str(ResetPasswordToken.objects.get(user__username=owner).key)
