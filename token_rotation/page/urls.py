"""URLs of the rotation page."""

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
