from django.contrib import admin
from django.urls import path
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView
from rest_framework_api_key.permissions import HasAPIKey


class Door(APIView):
    permission_classes = [HasAPIKey]

    def get(self, _request: Request) -> Response:
        return Response("open")


urlpatterns = [path("admin/", admin.site.urls), path("door/", Door.as_view(), name="HasAPIKey")]
