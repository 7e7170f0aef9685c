# The service alone: of Charter the runtime, and nothing that generates, mocks, tests or embeds a
# database; no pip in its environment. It runs as nobody in particular, and needs no file system
# that can be written to.
#
#   docker build --tag charter .
#
# Packages come from the index that pip knows by default. Behind a mirror or a proxy with a
# certificate of its own, hand both in; neither stays in the image:
#
#   docker build --secret id=pip,src=pip.conf --secret id=certificates,src=ca.pem --tag charter .
#
# where pip.conf says `cert = /run/secrets/certificates`.

ARG PYTHON_TAG=3.13-slim

FROM python:${PYTHON_TAG} AS builder

WORKDIR /app
COPY requirements/runtime.txt /tmp/
# What is installed is what the lock says, to the byte; no package runs code while it is installed.
RUN --mount=type=secret,id=pip,target=/etc/pip.conf \
    --mount=type=secret,id=certificates \
    python -m venv --without-pip .venv \
    && pip --python .venv/bin/python install --no-cache-dir --require-hashes --no-deps \
        --only-binary :all: --requirement /tmp/runtime.txt

COPY pyproject.toml ./
COPY alembic alembic
COPY openapi openapi
COPY generated generated
COPY impl impl
COPY scripts/charter/__init__.py charter/
COPY scripts/charter/runtime charter/runtime
# Nothing can be compiled at run time, and nothing changes, so that no source has to be compared.
RUN python -m compileall -q --invalidation-mode unchecked-hash alembic charter generated impl

FROM python:${PYTHON_TAG}

LABEL org.opencontainers.image.title="charter" \
      org.opencontainers.image.licenses="MIT"

RUN groupadd --gid 10001 charter \
    && useradd --uid 10001 --gid charter --no-create-home --home-dir /nonexistent \
        --shell /usr/sbin/nologin charter

WORKDIR /app
COPY --from=builder /app /app

ENV PATH=/app/.venv/bin:$PATH \
    PYTHONPATH=/app \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    ENVIRONMENT=production \
    HOST=0.0.0.0 \
    PORT=8000

USER 10001:10001
EXPOSE 8000

# Whether the process answers. It stays healthy while the database is away: starting it anew would
# not bring the database back.
HEALTHCHECK --interval=5s --timeout=5s --start-period=30s --retries=3 \
    CMD ["python", "-c", "import os, urllib.request as web; web.urlopen(f'http://127.0.0.1:{os.environ[\"PORT\"]}/livez', timeout=4)"]

# Migrations run once, before: `alembic upgrade head`.
CMD ["python", "-m", "impl", "serve"]
