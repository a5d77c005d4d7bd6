# Debian's nginx with the user, directories and templates of the official unprivileged image, for machines that cannot
# pull that.
ARG BASE_IMAGE=debian:bookworm-slim
FROM ${BASE_IMAGE}
RUN apt-get update -q && apt-get install -y -q --no-install-recommends nginx-light gettext-base \
 && rm -rf /var/lib/apt/lists/* /etc/nginx/conf.d/* && mkdir -p /etc/nginx/templates
COPY nginx.conf /etc/nginx/nginx.conf
COPY nginx-entrypoint.sh /entrypoint.sh
USER 101:101
ENTRYPOINT ["/bin/sh", "/entrypoint.sh"]
