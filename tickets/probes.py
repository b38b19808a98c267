"""Answers to load balancers and Prometheus."""

from collections.abc import Callable

from django.http import Http404, HttpRequest, HttpResponse

from token_rotation.metrics import healthz, metrics, readyz

PROBES = {"/healthz": healthz, "/readyz": readyz, "/metrics": metrics}


def answer_probes(
    get_response: Callable[[HttpRequest], HttpResponse],
) -> Callable[[HttpRequest], HttpResponse]:
    """Middleware that answers before the checks of host and scheme.

    Load balancers and Prometheus use plain HTTP and the machine's address as the host.
    """

    def answer(request: HttpRequest) -> HttpResponse:
        probe = PROBES.get(request.path_info)
        if probe is None:
            return get_response(request)
        try:
            return probe(request)
        except Http404:  # as for any page that does not exist
            return get_response(request)

    return answer
