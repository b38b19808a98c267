"""URLs of the doors, under any prefix of a project's URLconf::

path("leaks/", include("token_rotation.intake.urls")),
"""

from django.urls import path

from token_rotation.intake.doors.revocation import revocation
from token_rotation.intake.doors.webhook import webhook

app_name = "token_rotation_intake"
urlpatterns = [
    path("report", webhook, name="webhook"),
    path("revoke", revocation, name="revocation"),
]
