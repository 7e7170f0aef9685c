# The service and nothing else: no compiler, no generators, no tests, not root.
ARG PYTHON=3.13

FROM python:${PYTHON}-slim AS build
WORKDIR /build
COPY requirements/runtime.txt ./
RUN python -m venv /opt/charter \
    && /opt/charter/bin/pip install --no-cache-dir --require-hashes --no-deps \
        --requirement runtime.txt \
    && /opt/charter/bin/pip uninstall --yes pip
COPY pyproject.toml /app/
COPY openapi /app/openapi
COPY generated /app/generated
COPY alembic /app/alembic
COPY scripts /app/scripts
COPY impl /app/impl
RUN printf '#!/bin/sh\nexec python -m scripts.cli "$@"\n' > /opt/charter/bin/charter \
    && chmod 0755 /opt/charter/bin/charter \
    && python -m compileall -q -j 0 /opt/charter /app

FROM python:${PYTHON}-slim
LABEL org.opencontainers.image.title="charter" \
      org.opencontainers.image.licenses="MIT"
RUN groupadd --gid 10001 charter \
    && useradd --uid 10001 --gid 10001 --no-create-home --home-dir /app --shell /sbin/nologin charter
COPY --from=build /opt/charter /opt/charter
COPY --from=build /app /app
WORKDIR /app
ENV PATH=/opt/charter/bin:$PATH \
    PYTHONPATH=/app \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    ENVIRONMENT=production \
    HOST=0.0.0.0 \
    PORT=8000 \
    DATA_DIR=/tmp/charter
USER 10001:10001
EXPOSE 8000
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=3s --start-period=20s --retries=3 \
    CMD ["python", "-c", "import os, urllib.request; urllib.request.urlopen(f\"http://127.0.0.1:{os.environ['PORT']}/livez\", timeout=2)"]
CMD ["charter", "serve"]
