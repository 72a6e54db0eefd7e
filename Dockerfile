# The server alone, for PostgreSQL and container engines elsewhere: `make image`.
FROM python:3.11-slim
RUN apt-get update && apt-get install -y --no-install-recommends zstd && rm -rf /var/lib/apt/lists/* \
    && useradd --system --create-home --home-dir /data studiograph
WORKDIR /srv/studiograph
COPY requirements.txt ./
RUN pip install --no-cache-dir --require-hashes --no-deps -r requirements.txt
COPY . .
RUN pip install --no-cache-dir --no-deps --no-build-isolation --editable .
USER studiograph
ENV STUDIOGRAPH_DATA_DIR=/data STUDIOGRAPH_HOST=0.0.0.0 STUDIOGRAPH_PROCESS_COMPUTE=false STUDIOGRAPH_LOG_FORMAT=json
VOLUME /data
EXPOSE 8000
CMD ["studiograph", "serve"]
