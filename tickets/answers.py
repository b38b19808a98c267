"""Requests and responses: HTML for people, JSON for programs."""

import json
from collections.abc import Callable
from functools import wraps
from typing import Any

from django.core.exceptions import BadRequest, RequestDataTooBig
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.utils.cache import patch_vary_headers

View = Callable[..., HttpResponse]


def wants_json(request: HttpRequest) -> bool:
    return request.get_preferred_type(["text/html", "application/json"]) == "application/json"


def answer(
    request: HttpRequest, template: str, context: dict[str, Any], data: Any, status: int = 200
) -> HttpResponse:
    """Return ``template`` with ``context``, or ``data`` as JSON.

    The request gets JSON if it accepts that.
    """
    response: HttpResponse
    if wants_json(request):
        response = JsonResponse(data, status=status)
    else:
        response = render(request, template, context, status=status)
    patch_vary_headers(response, ["Accept"])
    return response


def submitted(request: HttpRequest) -> dict[str, str]:
    """Return the fields of a form or a JSON object.

    The JSON object must hold strings. Raises BadRequest for others.
    """
    if request.content_type != "application/json":
        return {name: str(value) for name, value in request.POST.items()}
    try:
        fields = json.loads(request.body)
        json.dumps(fields, ensure_ascii=False).encode()  # half a surrogate pair is no text
    except RequestDataTooBig as error:
        raise BadRequest("The body is too large.") from error
    except (ValueError, RecursionError) as error:
        raise BadRequest("The body is not JSON.") from error
    if not isinstance(fields, dict) or not all(isinstance(each, str) for each in fields.values()):
        raise BadRequest("The body is not a JSON object of strings.")
    return fields


def explain_bad_request(view: View) -> View:
    """Answer a BadRequest of ``view`` with its text as JSON.

    No browser sends such a request.
    """

    @wraps(view)
    def explained(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        try:
            return view(request, *args, **kwargs)
        except BadRequest as error:
            return JsonResponse({"error": str(error)}, status=400)

    return explained
