from django.urls import include, path

urlpatterns = [path("invitations/", include("invitations.urls", namespace="invitations"))]
