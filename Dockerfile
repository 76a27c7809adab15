# Two images: `mesh` runs any of the four services, `triton` serves the models. docker-compose.yml puts them together.

FROM python:3.12-slim AS build
WORKDIR /src
RUN python -m venv /opt/tutti
COPY requirements.lock ./
RUN /opt/tutti/bin/pip install --no-cache-dir --disable-pip-version-check --require-hashes -r requirements.lock
COPY pyproject.toml README.md LICENSE ./
COPY models ./models
COPY music ./music
COPY tutti ./tutti
COPY services ./services
RUN /opt/tutti/bin/pip install --no-cache-dir --disable-pip-version-check --no-build-isolation --no-deps .

FROM python:3.12-slim AS mesh
# Data that is mounted here belongs to the user who runs the services.
RUN useradd --uid 10001 --no-create-home --shell /usr/sbin/nologin tutti \
    && install -d -o tutti -g tutti /data /data/artifacts
COPY --from=build /opt/tutti /opt/tutti
COPY deploy/entrypoint.py /opt/tutti/entrypoint.py
ENV PATH=/opt/tutti/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    ARTIFACT_DIR=/data/artifacts \
    TUTTI_BIND_HOST=0.0.0.0
USER tutti
WORKDIR /data
# A service that speaks gRPC is told its port by TUTTI_PORT, the gateway by PORT.
HEALTHCHECK --interval=5s --timeout=5s --start-period=30s CMD if [ -n "$TUTTI_PORT" ]; \
    then python -m tutti.health "127.0.0.1:$TUTTI_PORT"; \
    else python -c "import urllib.request as u; u.urlopen('http://127.0.0.1:${PORT:-7070}/ready', timeout=3)"; fi
ENTRYPOINT ["python", "/opt/tutti/entrypoint.py"]
CMD ["services.gateway"]

# The first release of the server whose Python is ours: 3.12. Its Python backend brings numpy; music needs scipy too, and
# both in the versions that the mesh is tested with (numpy below 2).
FROM nvcr.io/nvidia/tritonserver:24.12-py3 AS triton
COPY deploy/triton.lock /opt/tutti/triton.lock
RUN pip install --no-cache-dir --disable-pip-version-check --break-system-packages \
    --require-hashes -r /opt/tutti/triton.lock
# music lies beside the model repository: that is where the models look for it.
COPY music /opt/tutti/music
COPY models /opt/tutti/models
# The models bring their own threads, and bytecode beside a model would be taken for a broken one.
ENV OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 PYTHONDONTWRITEBYTECODE=1
USER 1000
EXPOSE 8000 8001 8002
HEALTHCHECK --interval=5s --timeout=5s --start-period=60s \
    CMD ["python3", "-c", "import urllib.request as u; u.urlopen('http://127.0.0.1:8000/v2/health/ready', timeout=3)"]
CMD ["tritonserver", "--model-repository=/opt/tutti/models", "--model-control-mode=explicit", \
    "--load-model=jen1", "--load-model=muscgen", "--exit-timeout-secs=3"]
