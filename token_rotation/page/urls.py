"""URLs of the rotation page.

In a project's URLconf, under any prefix::

    path("rotation/", include("token_rotation.page.urls")),
    path("rotation/", include("token_rotation.page.report_urls")),  # the CSV report, optional

INSTALLED_APPS needs "token_rotation.page" and "django.contrib.staticfiles". Staff log in through
the admin, or through LOGIN_URL in a project without the admin's URLs.
"""

from django.urls import path

from token_rotation.page.jobs import views as job_views
from token_rotation.page.views import live, pace, page, start, stop

app_name = "token_rotation"
urlpatterns = [
    path("", page, name="page"),
    path("live", live, name="live"),
    path("jobs/", job_views.jobs, name="jobs"),
    path("jobs/live", job_views.live, name="live-jobs"),
    path("jobs/<path:name>/start", job_views.start, name="start-job"),
    path("jobs/operations/<int:number>/<str:name>", job_views.act, name="act-on-run"),
    path("<str:label>/start", start, name="start"),
    path("<str:label>/operations/<int:number>/stop", stop, name="stop"),
    path("<str:label>/operations/<int:number>/pace", pace, name="pace"),
]
