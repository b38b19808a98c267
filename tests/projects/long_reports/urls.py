from django.urls import path

from tests.projects.long_reports.views import report

urlpatterns = [path("<str:name>.csv", report)]
