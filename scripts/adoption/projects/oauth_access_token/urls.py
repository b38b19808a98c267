from adoption.projects.oauth_application.urls import urlpatterns

__all__ = ["urlpatterns"]
