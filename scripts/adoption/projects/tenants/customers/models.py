from django_tenants.models import DomainMixin, TenantMixin


class Client(TenantMixin):
    class Meta:
        app_label = "customers"


class Domain(DomainMixin):
    class Meta:
        app_label = "customers"
