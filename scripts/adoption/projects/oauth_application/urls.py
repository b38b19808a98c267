from django.http import HttpResponse
from django.urls import include, path
from oauth2_provider.views.generic import ProtectedResourceView


class Door(ProtectedResourceView):
    def get(self, *_: object) -> HttpResponse:
        return HttpResponse("open")


urlpatterns = [
    path("o/", include("oauth2_provider.urls")),
    path("door/", Door.as_view(), name="ProtectedResourceView"),
]
