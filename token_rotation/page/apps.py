from django.apps import AppConfig


class DashboardConfig(AppConfig):
    name = "tickets.dashboard"
    label = "dashboard"
    verbose_name = "Rotation page"
