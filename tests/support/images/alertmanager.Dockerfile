# Debian's Alertmanager with the user, directories and entry point of the official image, for machines that cannot pull that.
ARG BASE_IMAGE=debian:bookworm-slim
FROM ${BASE_IMAGE}
RUN apt-get update -q && apt-get install -y -q --no-install-recommends prometheus-alertmanager \
 && rm -rf /var/lib/apt/lists/* && install -d -o 65534 -g 65534 /alertmanager
USER 65534:65534
VOLUME /alertmanager
ENTRYPOINT ["/usr/bin/prometheus-alertmanager"]
