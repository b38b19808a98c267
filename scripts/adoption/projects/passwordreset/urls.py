from django.urls import include, path

urlpatterns = [path("reset/", include("django_rest_passwordreset.urls"))]
