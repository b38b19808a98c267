from adoption.projects.own.urls import urlpatterns

__all__ = ["urlpatterns"]
