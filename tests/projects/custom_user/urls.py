"""Sign up, see who one is, and get another key."""

from django.contrib.auth import get_user_model
from django.http import HttpRequest, JsonResponse
from django.shortcuts import get_object_or_404
from django.urls import path
from shop.models import make_key


def sign_up(request: HttpRequest) -> JsonResponse:
    user = get_user_model().objects.create_user(request.POST["username"])
    return JsonResponse({"api_key": user.api_key})


def me(request: HttpRequest) -> JsonResponse:
    user = get_object_or_404(get_user_model(), api_key=request.headers["X-Api-Key"])
    return JsonResponse({"username": user.username})


def regenerate(request: HttpRequest) -> JsonResponse:
    user = get_object_or_404(get_user_model(), api_key=request.headers["X-Api-Key"])
    user.api_key = make_key()
    user.save()
    return JsonResponse({"api_key": user.api_key})


urlpatterns = [path("sign-up/", sign_up), path("me/", me), path("regenerate/", regenerate)]
