"""URLs of the whole site."""

from django.contrib import admin
from django.urls import include, path

urlpatterns = [
    path("", include("tickets.urls")),
    path("rotation/", include("token_rotation.page.urls")),
    path("rotation/", include("token_rotation.page.report_urls")),
    path("leaks/", include("token_rotation.intake.urls")),
    path("admin/", admin.site.urls),
]
