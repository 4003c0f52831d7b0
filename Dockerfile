# syntax=docker/dockerfile:1
# The image of every nfvi-ha process (operator, receiver). Build it with: docker build -t nfvi-ha .
# A release pins the base by digest: --build-arg PYTHON_IMAGE=python:3.11.14-slim-bookworm@sha256:...
ARG PYTHON_IMAGE=python:3.11.14-slim-bookworm

FROM ${PYTHON_IMAGE} AS build
WORKDIR /src
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 \
    PIP_NO_CACHE_DIR=1
COPY pyproject.toml README.md LICENSE ./
COPY operator operator
# Without the extra "lab", so the simulated NFVI cannot run in production; without pip in what is copied below.
# The bytecode is compiled here because the root filesystem is read-only later.
RUN python -m pip wheel --no-deps --wheel-dir /dist . \
    && python -m venv --without-pip /opt/nfvi-ha \
    && python -m pip --python /opt/nfvi-ha/bin/python install --compile /dist/*.whl

FROM ${PYTHON_IMAGE}
ARG VERSION=0.1.0
ARG REVISION=unknown
LABEL org.opencontainers.image.title="nfvi-ha" \
      org.opencontainers.image.description="High availability for KubeVirt virtual machines" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"
# A name and a home for the user id, for libraries that ask; /tmp is the only place it may write.
RUN groupadd --gid 65532 nfvi-ha \
    && useradd --uid 65532 --gid 65532 --no-create-home --home-dir /tmp --shell /usr/sbin/nologin nfvi-ha
COPY --from=build /opt/nfvi-ha /opt/nfvi-ha
ENV PATH=/opt/nfvi-ha/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1
WORKDIR /tmp
# By number, so that runAsNonRoot can be checked.
USER 65532:65532
EXPOSE 8080
ENTRYPOINT ["nfvi-ha"]
CMD ["--help"]
