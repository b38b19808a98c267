from django.urls import path
from knox.auth import TokenAuthentication
from knox.views import LoginView, LogoutView
from rest_framework.authentication import BasicAuthentication

log_in = LoginView.as_view(authentication_classes=[BasicAuthentication])
log_out = LogoutView.as_view(authentication_classes=[TokenAuthentication])

urlpatterns = [
    path("login/", log_in, name="LoginView"),
    path("logout/", log_out, name="LogoutView"),
]
