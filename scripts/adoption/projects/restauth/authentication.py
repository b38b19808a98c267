"""The framework's authentication, with the project's model."""

from __future__ import annotations

from django.apps import apps
from django.db.models import Model
from rest_framework.authentication import TokenAuthentication


class Authentication(TokenAuthentication):
    def get_model(self) -> type[Model]:
        return apps.get_model("keys.Token")
