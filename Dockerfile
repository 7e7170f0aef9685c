# The production image: the service, its migrations, and what Charter has for services. It holds
# nothing that generates, mocks or tests, no database server and no pip. The process has a user of its
# own and writes to no file.
#
#   docker build --tag charter .
#   docker run --env-file .env charter alembic upgrade head      # once for each version
#   docker run --env-file .env --interactive --tty charter python -m impl create-admin ada@example.com
#   docker run --env-file .env --publish 127.0.0.1:8000:8000 charter
#
# The build takes packages from pip's default index. Behind a mirror, or a proxy with a certificate
# of its own, pass pip's settings and the certificate as secrets, which the image does not keep:
#
#   docker build --secret id=pip,src=pip.conf --secret id=certificates,src=ca.pem --tag charter .
#
# where pip.conf says `cert = /run/secrets/certificates`.

ARG PYTHON_TAG=3.13-slim

FROM python:${PYTHON_TAG} AS builder

WORKDIR /app
COPY requirements/runtime.txt /tmp/
# The lock has a hash of every file, and wheels run no code when they are installed.
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
COPY scripts/charter/service charter/service
# Compiled here, because the process can't write; its files never change, so Python need not compare
# them with their sources.
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

# Asks whether the process answers. It does so while the database is away, too: a restart of the
# service would not bring the database back.
HEALTHCHECK --interval=5s --timeout=5s --start-period=30s --retries=3 \
    CMD ["python", "-c", "import os, urllib.request as web; web.urlopen(f'http://127.0.0.1:{os.environ[\"PORT\"]}/livez', timeout=4)"]

CMD ["python", "-m", "impl", "serve"]
