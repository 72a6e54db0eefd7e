# The image of the server, for compute environments of the kind `docker` and PostgreSQL (or SQLite in /data): `make image`.
# BASE is any image of Debian or Ubuntu; its Python is used if it has one (3.11 or newer).
ARG BASE=python:3.12-slim

FROM ${BASE} AS dependencies
ARG PIP_INDEX_URL
ARG PIP_DEFAULT_TIMEOUT=60
ARG DEBIAN_FRONTEND=noninteractive
COPY images/trust certificates.cr[t] /opt/build/
RUN sh /opt/build/trust \
    && { python3 -c 'import ensurepip, venv' 2>/dev/null \
        || { apt-get update -qq && apt-get install -y -qq --no-install-recommends ca-certificates python3 python3-venv; }; } \
    && python3 -m venv /opt/studiograph
WORKDIR /src
ENV PIP_CERT=/etc/ssl/certs/ca-certificates.crt PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_ROOT_USER_ACTION=ignore
COPY requirements.txt ./
RUN /opt/studiograph/bin/pip install --quiet --require-hashes --no-deps -r requirements.txt

# Installed apart from the dependencies, so that a new version is a small layer.
FROM dependencies AS project
COPY . .
RUN /opt/studiograph/bin/pip install --quiet --no-deps --no-build-isolation --prefix /opt/project .

FROM dependencies AS lean
RUN /opt/studiograph/bin/pip uninstall --quiet --yes hatchling setuptools pip

FROM ${BASE}
ARG DEBIAN_FRONTEND=noninteractive
COPY images/trust certificates.cr[t] /opt/build/
RUN sh /opt/build/trust \
    && { command -v python3 >/dev/null \
        || { apt-get update -qq && apt-get install -y -qq --no-install-recommends ca-certificates python3; }; } \
    && { python3 -m compileall -q -j 0 -x '/(test|tests|idlelib|lib2to3)/' "$(python3 -c 'import sysconfig; print(sysconfig.get_path("stdlib"))')" || true; } \
    && apt-get clean && rm -rf /opt/build /var/lib/apt/lists/* \
    && groupadd --system --gid 10001 studiograph \
    && useradd --system --uid 10001 --gid studiograph --home-dir /data --shell /usr/sbin/nologin studiograph \
    && install -d -m 0700 -o studiograph -g studiograph /data
COPY --from=lean /opt/studiograph /opt/studiograph
COPY --from=project /opt/project /opt/studiograph
USER studiograph
WORKDIR /data
ENV PATH=/opt/studiograph/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
    STUDIOGRAPH_DATA_DIR=/data STUDIOGRAPH_HOST=0.0.0.0 STUDIOGRAPH_PROCESS_COMPUTE=false STUDIOGRAPH_LOG_FORMAT=json
VOLUME /data
EXPOSE 8000
# The role `controller` serves no HTTP: run it with --no-healthcheck.
HEALTHCHECK --interval=15s --timeout=5s --start-period=60s CMD ["python3", "-c", "import os, urllib.request as request; request.urlopen(f\"http://127.0.0.1:{os.environ.get('STUDIOGRAPH_PORT', '8000')}/livez\", timeout=4)"]
CMD ["studiograph", "serve"]
