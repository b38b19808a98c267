from django.apps import AppConfig


class DashboardConfig(AppConfig):
    name = "token_rotation.page"
    label = "token_rotation_page"
    verbose_name = "Rotation page"
