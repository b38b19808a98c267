"""URL of the progress report; the page links it where it is included."""

from django.urls import path

from token_rotation.page.report_view import progress_report

urlpatterns = [path("report.csv", progress_report, name="rotation-report")]
