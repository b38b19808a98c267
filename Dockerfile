# The site and its workers. It holds no secret and writes only to /tmp.
FROM python:3.13.14-slim-bookworm@sha256:67a1e1f215ccda113cfc024e8639049257e88f273898f595b61476d128d387e8 AS build
WORKDIR /build
COPY requirements-celery.lock ./
RUN python -m venv /venv \
    && /venv/bin/python -m pip install --no-cache-dir --disable-pip-version-check \
        --require-hashes -r requirements-celery.lock

FROM python:3.13.14-slim-bookworm@sha256:67a1e1f215ccda113cfc024e8639049257e88f273898f595b61476d128d387e8
ENV PATH=/venv/bin:$PATH PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1
WORKDIR /app
COPY --from=build /venv /venv
COPY manage.py ./
COPY token_rotation token_rotation
COPY tickets tickets
COPY migrations migrations
RUN python -m compileall -q manage.py token_rotation tickets migrations
# A number and no name: needs no account in the image, and shows that it is not root.
USER 10001:10001
EXPOSE 8000
CMD ["gunicorn", "--config", "python:tickets.config.gunicorn", "--bind", "0.0.0.0:8000", "--worker-tmp-dir", "/dev/shm"]
