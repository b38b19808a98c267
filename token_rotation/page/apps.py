from django.apps import AppConfig


class PageConfig(AppConfig):
    name = "token_rotation.page"
    label = "token_rotation_page"
    verbose_name = "Rotation page"
