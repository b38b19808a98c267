"""URLs of reports on rotations."""

from django.urls import path

from tickets.dashboard.report_view import progress_report

urlpatterns = [path("report.csv", progress_report, name="rotation-report")]
