# Builds with docker, podman and buildah. The last stage, production, is the default.
ARG BASE=docker.io/library/debian:trixie-slim
# Apache Spark, or an image whose /opt is laid out like that of Apache's.
ARG SPARK_BASE=docker.io/apache/spark:4.1.2-scala2.13-java17-python3-ubuntu

# Compiler and Python for all later stages except production.
FROM ${BASE} AS toolchain
RUN apt-get update \
    && apt-get install --yes --no-install-recommends \
        binutils ca-certificates gcc libc6-dev python3 python3-dev python3-venv \
    && rm -rf /var/lib/apt/lists/*
RUN python3 -m venv /venv
ENV PATH=/venv/bin:$PATH PIP_DISABLE_PIP_VERSION_CHECK=1 PYTHONDONTWRITEBYTECODE=1
WORKDIR /source

# The sources and all tools: serves, and restarts whenever a source is saved.
FROM toolchain AS dev
COPY requirements-dev.txt ./
RUN --mount=type=cache,target=/root/.cache/pip \
    pip install --quiet --require-hashes --requirement requirements-dev.txt
# File sync runs as the container's user, so that user must own the sources.
COPY --chown=65532:65532 . .
RUN pip install --quiet --no-deps --no-build-isolation --editable . && chown -R 65532:65532 .
USER 65532:65532
ENV HOME=/tmp
EXPOSE 7070 8080
CMD ["python", "tools/dev.py"]

# Runs the unit tests with TeamCity service messages.
FROM dev AS test
ENV TEST=1

# The packages of double-booked-spark.
FROM toolchain AS spark-packages
COPY requirements-spark-image.txt requirements-build.txt ./
RUN --mount=type=cache,target=/root/.cache/pip \
    pip install --quiet --require-hashes --requirement requirements-build.txt \
    && pip install --quiet --require-hashes --target /packages --requirement requirements-spark-image.txt
COPY pyproject.toml setup.py LICENSE README.md ./
COPY service service
RUN pip install --quiet --no-deps --no-build-isolation --target /packages . \
    && rm -r /packages/bin \
    && find /packages -name tests -type d -prune -exec rm -r {} +

FROM ${SPARK_BASE} AS spark-base

# Driver and executor of double-booked-spark. Apache's image has Python 3.10, which is too old for
# this project, so its Spark and its Java go onto the base of the other images.
FROM ${BASE} AS spark
ARG COMMIT=unknown
ARG VERSION=0.0.0
ARG BASE
LABEL org.opencontainers.image.title="double-booked-spark" \
      org.opencontainers.image.description="Finds conflicting events in a table, with Apache Spark" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${COMMIT}" \
      org.opencontainers.image.base.name="${BASE}"
# Spark's entry point needs tini, and the script that decommissions an executor needs ps.
RUN apt-get update \
    && apt-get install --yes --no-install-recommends procps python3 tini \
    && rm -rf /var/lib/apt/lists/* \
    && groupadd --system --gid 185 spark \
    && useradd --system --uid 185 --gid spark --home-dir /nonexistent --shell /usr/sbin/nologin spark \
    && install --directory --owner spark --group spark /opt/spark/work-dir
COPY --from=spark-base /opt/java /opt/java
COPY --from=spark-base /opt/entrypoint.sh /opt/decom.sh /opt/
COPY --from=spark-base /opt/spark/bin /opt/spark/bin
COPY --from=spark-base /opt/spark/jars /opt/spark/jars
COPY --from=spark-base /opt/spark/python/lib /opt/spark/python/lib
COPY --from=spark-packages /packages /usr/lib/python3/dist-packages
COPY --chmod=755 tools/double_booked_spark.py /opt/double-booked/
RUN ln -s /opt/double-booked/double_booked_spark.py /usr/local/bin/double-booked-spark \
    && printf '%s\n' /opt/spark/python/lib/*.zip > /usr/lib/python3/dist-packages/spark.pth \
    && echo "${COMMIT}" > /usr/lib/python3/dist-packages/double_booked/commit.txt
ENV SPARK_HOME=/opt/spark JAVA_HOME=/opt/java/openjdk PYTHONDONTWRITEBYTECODE=1
WORKDIR /opt/spark/work-dir
# As in Apache's image.
USER 185:185
ENTRYPOINT ["/opt/entrypoint.sh"]

# Builds the file tree of the production image.
FROM toolchain AS build
ARG SOURCE_DATE_EPOCH=0
ARG COMMIT=unknown
COPY requirements.txt requirements-build.txt ./
RUN --mount=type=cache,target=/root/.cache/pip \
    pip install --quiet --require-hashes --requirement requirements-build.txt \
    && pip install --quiet --require-hashes --no-compile --target /packages --requirement requirements.txt
COPY pyproject.toml setup.py LICENSE README.md ./
COPY service service
RUN pip install --quiet --no-deps --no-build-isolation --no-compile --target /packages .
COPY tools/image_root.py tools/
RUN PYTHONHASHSEED=0 python tools/image_root.py /packages /image "${COMMIT}" "${SOURCE_DATE_EPOCH}"

# Interpreter, libraries and packages, without shell, package manager and sources.
FROM scratch AS production
ARG COMMIT=unknown
ARG VERSION=0.0.0
ARG BASE
LABEL org.opencontainers.image.title="double-booked" \
      org.opencontainers.image.description="Finds conflicting events in a list" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${COMMIT}" \
      org.opencontainers.image.base.name="${BASE}"
COPY --from=build /image/ /
ENV PATH=/usr/bin PYTHONDONTWRITEBYTECODE=1
USER 65532:65532
EXPOSE 7070 8080
ENTRYPOINT ["double-booked"]
CMD ["serve"]
