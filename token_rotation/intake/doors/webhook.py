"""The signed webhook, in the format of secret-scanning partners."""

from __future__ import annotations

import logging
from http import HTTPStatus

from django.db.transaction import non_atomic_requests
from django.http import Http404, HttpRequest, HttpResponse
from django.views.decorators.cache import cache_control
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.debug import sensitive_variables
from django.views.decorators.http import require_POST

from token_rotation.intake import settings
from token_rotation.intake.body import BodyError, partners_answer, read_partner
from token_rotation.intake.doors.answers import not_finished, refusal
from token_rotation.intake.doors.completing import completed
from token_rotation.intake.doors.request_body import TooLargeError, key_of, read_body
from token_rotation.intake.partner.published_keys import KeysUnavailableError
from token_rotation.intake.partner.signers import is_signed
from token_rotation.intake.report import LeakReport

DOOR = "webhook"
NAMES = ("Public-Key-Identifier", "Public-Key-Signature")
logger = logging.getLogger(__name__)


@csrf_exempt
@non_atomic_requests
def webhook(request: HttpRequest) -> HttpResponse:
    """Rotate the reported tokens; answer with a label for each that is known.

    A report that comes again gets 200 and changes nothing. Answers 400, 401, 403 and 413 where
    nothing was done, and 503 where the sender must send the same again. Raises Http404 while no
    public key is set.
    """
    if not settings.is_webhook_open():
        raise Http404
    return _webhook(request)


@require_POST
@cache_control(no_store=True)
@sensitive_variables()
def _webhook(request: HttpRequest) -> HttpResponse:
    try:
        body = read_body(request, settings.body_bytes())
        refused = _refused(request, body)
        if refused is not None:
            return refusal(refused)
        report = LeakReport(read_partner(body), DOOR, key_of(DOOR, body))
    except TooLargeError:
        return refusal(HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
    except BodyError:
        return refusal(HTTPStatus.BAD_REQUEST)
    except KeysUnavailableError:
        return not_finished()
    outcome = completed(report)
    if outcome is None:
        return not_finished()
    answer = partners_answer(report.tokens, outcome)
    return HttpResponse(answer, content_type="application/json")


@sensitive_variables()
def _refused(request: HttpRequest, body: bytes) -> HTTPStatus | None:
    """Return why the signature does not count; None if it does.

    Raises KeysUnavailableError where nobody knows.
    """
    key_id, signature = (
        request.headers.get(f"Github-{name}") or request.headers.get(name, "") for name in NAMES
    )
    if not key_id or not signature:
        return HTTPStatus.UNAUTHORIZED
    try:
        return None if is_signed(key_id, signature, body) else HTTPStatus.FORBIDDEN
    except (ValueError, ModuleNotFoundError) as error:
        logger.error("no leak report can be verified: %s", error)  # noqa: TRY400  (of the settings)
        raise KeysUnavailableError from None
