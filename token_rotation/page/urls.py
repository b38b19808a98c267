"""URLs of the rotation page."""

from django.urls import path

from tickets.dashboard.views import live, pace, page, start, stop

app_name = "dashboard"
urlpatterns = [
    path("", page, name="page"),
    path("live", live, name="live"),
    path("<str:label>/start", start, name="start"),
    path("<str:label>/operations/<int:number>/stop", stop, name="stop"),
    path("<str:label>/operations/<int:number>/pace", pace, name="pace"),
]
