from django.urls import path
from django_otp.admin import OTPAdminSite

urlpatterns = [path("admin/", OTPAdminSite().urls)]
