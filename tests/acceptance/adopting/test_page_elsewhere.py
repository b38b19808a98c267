"""Page, probes, metrics and reports in a project of somebody else's, at addresses of its own."""

from collections.abc import Callable
from pathlib import Path

from tests.support.project import ADMIN_TEMPLATES, Project

APPS = (
    "django.contrib.admin",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "token_rotation.page",
)
SETTINGS = """
ROOT_URLCONF = "urls"
ALLOWED_HOSTS = ["testserver"]
STATIC_URL = "/assets/"
METRICS_TOKEN = "only for this test"
DATABASES["default"]["ATOMIC_REQUESTS"] = True
MIDDLEWARE = [
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
]
"""
URLS = """
from django.contrib import admin
from django.urls import include, path
from token_rotation.metrics import healthz, metrics, readyz
from token_rotation.streaming import Query, stream_csv

def orders(request):
    query = Query("SELECT id, token FROM shop_order ORDER BY id")
    return stream_csv(request, query, columns=["id", "token"], file_name="orders.csv")

urlpatterns = [
    path("staff/", admin.site.urls),
    path("ops/tokens/", include("token_rotation.page.urls")),
    path("ops/tokens/", include("token_rotation.page.report_urls")),
    path("healthz", healthz),
    path("readyz", readyz),
    path("metrics", metrics),
    path("orders.csv", orders),
]
"""
MODELS = """
from token_rotation import guard
from token_rotation.models import RotatingToken

class Order(RotatingToken):
    name = models.CharField(max_length=20)
"""
VISITS = """
from django.contrib.auth.models import User
from django.test import Client
from shop.models import Order
Order.objects.create(name="first")
visitor, ann = Client(), Client()
ann.force_login(User.objects.create_superuser("ann"))
print("visitor", visitor.get("/ops/tokens/")["Location"])
page = ann.get("/ops/tokens/").content.decode()
print("page", "shop.Order" in page, "Complete" in page)
print("links", "/assets/token_rotation/rotation.js" in page, "/ops/tokens/report.csv" in page)
print("live", ann.get("/ops/tokens/live").status_code)
print("report", b"shop.Order,total" in b"".join(ann.get("/ops/tokens/report.csv")))
start = ann.post("/ops/tokens/shop.Order/start", {"pause_seconds": "0"}, follow=True)
print("start", "Nothing was started" in start.content.decode())
print("probes", visitor.get("/healthz").status_code, visitor.get("/readyz").status_code)
token = {"authorization": "Bearer only for this test"}
figures = visitor.get("/metrics", headers=token).content.decode()
print("metrics", 'token_rotation_pending_rows{model="shop.Order"} 0.0' in figures)
orders = b"".join(visitor.get("/orders.csv")).decode().splitlines()
print("orders", orders[0], len(orders))
"""


def test_everything_works_at_another_projects_addresses(
    tmp_path: Path, make_database: Callable[..., str]
) -> None:
    project = Project(tmp_path, make_database("zero"), apps=APPS)
    settings = tmp_path / "settings.py"
    settings.write_text(settings.read_text() + SETTINGS + ADMIN_TEMPLATES)
    (tmp_path / "urls.py").write_text(URLS)
    project.models(MODELS)
    project.run_each("makemigrations shop", "migrate --verbosity 0", "check --database default")

    said = project.run("shell", "--verbosity", "0", "--command", VISITS)

    assert said.splitlines() == [
        "visitor /staff/login/?next=/ops/tokens/",
        "page True True",
        "links True True",
        "live 200",
        "report True",
        "start True",
        "probes 200 200",
        "metrics True",
        "orders id,token 2",
    ]


ELSEWHERE = """
FORCE_SCRIPT_NAME = "/behind/"
TEMPLATES[0]["DIRS"] = [Path(__file__).parent / "templates"]
TEMPLATES[0]["OPTIONS"]["context_processors"].append("urls.csp")
"""
NONCE_URLS = """
from django.utils.functional import SimpleLazyObject, empty

class Nonce(SimpleLazyObject):  # as Django's own, of 6.0 and newer: false until it is written
    def __bool__(self):
        return self._wrapped is not empty

def csp(request):
    return {"csp_nonce": Nonce(lambda: "of this answer")}
"""
BASE = """{% extends "token_rotation/base.html" %}
{% block title %}Tokens of Acme{% endblock %}
"""
NONCE_VISITS = """
import re
from django.contrib.auth.models import User
from django.test import Client
ann = Client()
ann.force_login(User.objects.create_superuser("ann"))
page = ann.get("/ops/tokens/").content.decode()
tags = re.findall("<(?:script|link rel=.stylesheet)[^>]*>", page)
print("nonce", len(tags), all('nonce="of this answer"' in tag for tag in tags))
print("template", "<title>Tokens of Acme</title>" in page)
links = re.findall('(?:hx-get|hx-post|action|href)="(/[^"]*)"', page)
ours = [link for link in links if "/assets/" not in link]
print("prefix", len(ours) == 3, [link for link in ours if not link.startswith("/behind/")])
listed = ann.get("/staff/token_rotation_operations/batchoperation/").content.decode()
print("admin", '<a href="/behind/ops/tokens/">Rotation page</a>' in listed)
"""


def test_the_page_takes_the_projects_nonce_templates_and_prefix(
    tmp_path: Path, make_database: Callable[..., str]
) -> None:
    project = Project(tmp_path, make_database("zero"), apps=APPS)
    settings = tmp_path / "settings.py"
    additions = SETTINGS + ADMIN_TEMPLATES + ELSEWHERE
    settings.write_text("from pathlib import Path\n" + settings.read_text() + additions)
    (tmp_path / "urls.py").write_text(URLS + NONCE_URLS)
    (tmp_path / "templates" / "token_rotation").mkdir(parents=True)
    (tmp_path / "templates" / "token_rotation" / "base.html").write_text(BASE)
    project.models(MODELS)
    project.run_each("makemigrations shop", "migrate --verbosity 0")

    said = project.run("shell", "--verbosity", "0", "--command", NONCE_VISITS)

    assert said.splitlines() == ["nonce 6 True", "template True", "prefix True []", "admin True"]


def test_a_project_without_a_rotating_token_is_ready_and_has_no_figures(
    tmp_path: Path, make_database: Callable[..., str]
) -> None:
    project = Project(tmp_path, make_database("zero"))
    project.models("class Order(models.Model): pass")
    project.run_each("makemigrations shop", "migrate --verbosity 0")

    said = project.run(
        *("shell", "--verbosity", "0", "--command"),
        "from token_rotation.metrics.collector import RotationCollector as Collector\n"
        "from token_rotation.metrics.readiness import failing_parts\n"
        "print(failing_parts(), [s for m in Collector('default').collect() for s in m.samples])",
    )

    assert said == "() []\n"
