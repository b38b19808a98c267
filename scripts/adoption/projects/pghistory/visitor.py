"""Adds a key in the admin; the package's triggers note it."""

from __future__ import annotations

from django.contrib.auth.models import User

from adoption.projects.own import visitor
from adoption.projects.visiting import logged_in


class Visitor(visitor.Visitor):
    def issue(self, owner: str) -> str:
        token = super().issue(owner)
        row = visitor.keys().get(owner=owner)
        logged_in(User.objects.get(username=owner)).get(f"{visitor.ADMIN}{row.pk}/change/")
        if row.events.get().token != token:
            raise ValueError("the event has another token than the row")
        return token
