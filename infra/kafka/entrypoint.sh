#!/bin/sh
# The container's entry point: fills in the configuration of a cluster of one broker, then becomes the broker. Further
# settings of Kafka come from the environment as with Apache's own image: KAFKA_NODE_ID is node.id.
set -eu

node_directory=/var/lib/kafka
advertised_host=${ADVERTISED_HOST:-127.0.0.1}
port=${PORT:-9092}
controller_port=$((port == 19093 ? 19094 : 19093))

# shellcheck disable=SC2016  # the names are the template's, not the shell's
sed -e 's|${node}|1|' \
  -e "s|\${voters}|1@127.0.0.1:$controller_port|" \
  -e 's|${bind_host}|0.0.0.0|' \
  -e "s|\${advertised_host}|$advertised_host|" \
  -e "s|\${port}|$port|" \
  -e "s|\${controller_port}|$controller_port|" \
  -e "s|\${data}|$node_directory/data|" \
  -e 's|${replication}|1|' \
  -e 's|${min_isr}|1|' \
  /opt/kafka/broker.properties > "$node_directory/broker.properties"

env | while IFS='=' read -r name value; do
  case $name in
    KAFKA_HEAP_OPTS) ;;
    # The last value of a setting counts.
    KAFKA_*) printf '%s=%s\n' "$(printf '%s' "${name#KAFKA_}" | tr 'A-Z_' 'a-z.')" "$value" ;;
  esac
done >> "$node_directory/broker.properties"

# The id is constant, as it must not change for the same volume.
exec /bin/sh /opt/kafka/start-broker.sh /opt/kafka/libs "$node_directory" "${CLUSTER_ID:-AGhvdGVsLWF1ZGlvLWthZg}"
