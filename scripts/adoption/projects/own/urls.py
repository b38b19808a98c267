from typing import Any

from django.apps import apps
from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.urls import path


def door(request: HttpRequest) -> HttpResponse:
    """Open with the project's own token."""
    keys: Any = apps.get_model("keys.ApiKey")
    found = keys.objects.filter(token=request.GET["token"]).exists()
    return HttpResponse(status=200 if found else 404)


def urls_with(admin_class: Any) -> list[Any]:
    """Return the door, and an admin whose keys have this class."""
    site = admin.AdminSite()
    site.register(apps.get_model("keys.ApiKey"), admin_class)
    return [path("admin/", site.urls), path("door/", door, name="door")]


urlpatterns = urls_with(admin.ModelAdmin)
