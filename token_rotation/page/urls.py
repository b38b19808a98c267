"""URLs of the rotation page.

In a project's URLconf, under any prefix::

    path("rotation/", include("token_rotation.page.urls")),
    path("rotation/", include("token_rotation.page.report_urls")),  # the CSV report, optional

INSTALLED_APPS needs "token_rotation.page" and "django.contrib.staticfiles". Staff log in through
the admin, or through LOGIN_URL in a project without the admin's URLs.
"""

from django.urls import path

from token_rotation.page.views import live, pace, page, start, stop

app_name = "token_rotation"
urlpatterns = [
    path("", page, name="page"),
    path("live", live, name="live"),
    path("<str:label>/start", start, name="start"),
    path("<str:label>/operations/<int:number>/stop", stop, name="stop"),
    path("<str:label>/operations/<int:number>/pace", pace, name="pace"),
]
