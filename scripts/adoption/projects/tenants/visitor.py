"""Adds a key in the admin of a tenant, whose domain is that of Django's test client."""

from __future__ import annotations

from django_tenants.utils import schema_context

from adoption.projects.own import visitor
from adoption.projects.tenants.customers.models import Client, Domain

TENANT = "acme"


class Visitor(visitor.Visitor):
    def __init__(self) -> None:
        tenant, _ = Client.objects.get_or_create(schema_name=TENANT)
        Domain.objects.get_or_create(domain="testserver", tenant=tenant)

    def issue(self, owner: str) -> str:
        with schema_context(TENANT):
            return super().issue(owner)

    def stored(self, owner: str) -> str:
        with schema_context(TENANT):
            return super().stored(owner)
