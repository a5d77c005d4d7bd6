#!/bin/sh
# Does what the official image's start does: fills variables of the environment into the templates, then becomes nginx.
set -eu

env | sed -n 's/^\(NGINX_[A-Z_]*\)=\(.*\)$/s|${\1}|\2|g/p' > /tmp/variables.sed
for template in /etc/nginx/templates/*.template; do
  sed -f /tmp/variables.sed "$template" > "/etc/nginx/conf.d/$(basename "$template" .template)"
done
exec nginx -g 'daemon off;'
