# blinatumomab-cds as a container: docs/operate.md tells how to run it, .ci/image builds it and asks it.
#
# Base image: exact version and digest, as Docker's own record of official images (docker-library/repo-info) has them for
# 2026-09-01. To renew: take a newer patch version of Python 3.11 (the version the tests run on), and its digest from
#   docker buildx imagetools inspect python:3.11.16-slim-bookworm
# Both lines have to name the same image.

FROM python:3.11.16-slim-bookworm@sha256:c425d915a89a6dcd3183b1797ad9bd8878caff5a417f6371c8df93c8ea8b727f AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 \
    PIP_NO_CACHE_DIR=1 \
    PIP_NO_INPUT=1
WORKDIR /src
COPY requirements.lock ./
COPY deploy/build.lock deploy/build.lock
RUN python -m venv --without-pip /opt/cds \
 && python -m venv /opt/build \
 && /opt/build/bin/pip install --require-hashes --only-binary :all: -r deploy/build.lock \
 && /opt/build/bin/pip --python /opt/cds/bin/python install --require-hashes --only-binary :all: -r requirements.lock
COPY pyproject.toml README.md LICENSE ./
COPY cards cards
COPY cds_service cds_service
COPY fhir_fixtures fhir_fixtures
RUN /opt/build/bin/pip wheel --no-build-isolation --no-deps --no-index --wheel-dir /opt/wheels . \
 && /opt/build/bin/pip --python /opt/cds/bin/python install --no-deps --no-index /opt/wheels/*.whl \
 && /opt/build/bin/pip --python /opt/cds/bin/python check \
 && /opt/cds/bin/blinatumomab-cds check > /dev/null

FROM python:3.11.16-slim-bookworm@sha256:c425d915a89a6dcd3183b1797ad9bd8878caff5a417f6371c8df93c8ea8b727f AS service
LABEL org.opencontainers.image.title="blinatumomab-cds" \
      org.opencontainers.image.description="CDS Hooks service for blinatumomab orders" \
      org.opencontainers.image.licenses="Apache-2.0"
# The number, not the name: Kubernetes can only tell from a number that it is not root.
RUN groupadd --gid 10001 cds \
 && useradd --uid 10001 --gid 10001 --no-create-home --home-dir /data --shell /usr/sbin/nologin cds \
 && install -d -o 10001 -g 10001 -m 0700 /data
COPY --from=build /opt/cds /opt/cds
# /data, /tmp and /dev/shm (what the workers count; in /tmp where it cannot be had) are all that is written to. The root
# may be read-only: mount /tmp as a tmpfs, /data as a volume where SQLite is used. The time zone decides which day
# "today" is; set TZ to the hospital's own.
ENV PATH=/opt/cds/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    BLINATUMOMAB_CDS_DATABASE=/data/store.sqlite3
USER 10001:10001
WORKDIR /data
EXPOSE 8080
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=3s --start-period=20s --retries=3 \
  CMD ["python", "-c", "import urllib.request as r; r.urlopen('http://127.0.0.1:8080/health/live', timeout=2)"]
ENTRYPOINT ["blinatumomab-cds"]
CMD ["serve", "--host", "0.0.0.0", "--port", "8080"]
