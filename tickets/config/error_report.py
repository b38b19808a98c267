"""Error reports (mails to ADMINS, debug pages) without tokens."""

from django.utils.safestring import SafeString, mark_safe
from django.views.debug import ExceptionReporter

from tickets.config.masking import mask


class MaskingReporter(ExceptionReporter):
    """Django's report, masked as a whole.

    Tokens occur in the URL, the Referer, the resolver's arguments, the exception's text and
    variables of Django's frames. Django's filters for settings and variables reach few of these.
    """

    def get_traceback_html(self) -> SafeString:
        return mark_safe(mask(super().get_traceback_html()))  # noqa: S308  (Django escaped it)

    def get_traceback_text(self) -> SafeString:
        return mark_safe(mask(super().get_traceback_text()))  # noqa: S308  (plain text)
