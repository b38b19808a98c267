from simple_history.admin import SimpleHistoryAdmin

from adoption.projects.own.urls import urls_with

urlpatterns = urls_with(SimpleHistoryAdmin)
