"""The names of django_htmx that the page needs; the rest of this package needs none."""

try:
    from django_htmx.http import HttpResponseClientRefresh
    from django_htmx.middleware import HtmxDetails
except ModuleNotFoundError as error:
    raise ModuleNotFoundError(
        "token_rotation.page needs django-htmx. Run: pip install 'django-token-rotation[page]'",
        name=error.name,
    ) from None

__all__ = [
    "HtmxDetails",
    "HttpResponseClientRefresh",
]
