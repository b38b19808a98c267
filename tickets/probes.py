"""What machines ask: is the process alive, is it ready, how far is the rotation."""

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse

from token_rotation.metrics import healthz, metrics, readyz

PROBES = {"/healthz": healthz, "/readyz": readyz, "/metrics": metrics}


def answer_probes(
    get_response: Callable[[HttpRequest], HttpResponse],
) -> Callable[[HttpRequest], HttpResponse]:
    """Middleware, before host and scheme are looked at: load balancers and Prometheus ask by plain
    HTTP, and name the address of the machine as the host.
    """

    def answer(request: HttpRequest) -> HttpResponse:
        probe = PROBES.get(request.path_info)
        response = probe(request) if probe is not None else None
        return get_response(request) if response is None else response

    return answer
