"""URLs of the whole site."""

from django.contrib import admin
from django.urls import include, path

urlpatterns = [
    path("", include("tickets.urls")),
    path("rotation/", include("tickets.dashboard.urls")),
    path("rotation/", include("tickets.dashboard.report_urls")),
    path("admin/", admin.site.urls),
]
