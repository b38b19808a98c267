from django.urls import include, path
from rest_framework.authtoken.views import obtain_auth_token
from rest_framework.routers import DefaultRouter

urlpatterns = [
    path("token/", obtain_auth_token, name="obtain_auth_token"),
    path("", include(DefaultRouter().urls)),
]
