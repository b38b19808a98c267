"""/leaks/report, beside the site's own URLs."""

from django.urls import include, path

from tickets.config.urls import urlpatterns as of_the_site

urlpatterns = [path("leaks/", include("token_rotation.intake.urls")), *of_the_site]
