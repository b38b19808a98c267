"""The WSGI application.

Unlike management commands, it needs a secret key.
"""

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.core.wsgi import get_wsgi_application

application = get_wsgi_application()

try:
    settings.SECRET_KEY  # noqa: B018  (Django raises when it is empty)
except ImproperlyConfigured as error:
    raise ImproperlyConfigured(
        "DJANGO_SECRET_KEY is not set: set it, or DJANGO_DEBUG=1 for development"
    ) from error
