# One image for everything of ours: Locust, the receiver, the reference services. Built in two steps, so that what
# building needs stays out of it. No secret is ever an argument or a layer of it.
FROM python:3.13-slim AS packages
WORKDIR /build
COPY requirements.runtime.lock .
RUN python -m venv /opt/swarmscope \
 && /opt/swarmscope/bin/pip install --quiet --no-cache-dir --disable-pip-version-check --require-hashes \
      -r requirements.runtime.lock \
 && find /opt/swarmscope -name '__pycache__' -prune -exec rm -rf {} + \
 && rm -rf /opt/swarmscope/lib/python*/site-packages/pip*

FROM python:3.13-slim
# The folders of volumes exist and belong to the user before a volume covers them: a new volume takes that over.
RUN groupadd --gid 10001 swarmscope \
 && useradd --uid 10001 --gid 10001 --no-create-home --home-dir /nonexistent --shell /usr/sbin/nologin swarmscope \
 && install -d -o swarmscope -g swarmscope /srv/swarmscope /srv/reports /srv/state /run/swarmscope
COPY scripts/answers.sh /usr/local/bin/answers
COPY --from=packages /opt/swarmscope /opt/swarmscope
WORKDIR /srv/swarmscope
COPY locustfile.py ./
COPY swarmscope swarmscope
COPY exporters exporters
COPY reference reference
COPY scenarios scenarios
ENV PATH=/opt/swarmscope/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    PYTHONPATH=/srv/swarmscope
USER 10001:10001
ENTRYPOINT []
CMD ["locust", "--help"]
