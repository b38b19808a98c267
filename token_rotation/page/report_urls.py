"""URL of the progress report.

The page links it where a project includes it.
"""

from django.urls import path

from token_rotation.page.report_view import progress_report

urlpatterns = [path("report.csv", progress_report, name="rotation-report")]
