#!/bin/sh
# Formats a node's storage on the first start, then becomes its broker:
#   start-broker.sh LIBS DIRECTORY CLUSTER_ID    DIRECTORY holds broker.properties, whose log.dirs is DIRECTORY/data
# FORMAT_OPTIONS in the environment has additional options of the format command, such as --feature NAME=LEVEL;
# KAFKA_HEAP_OPTS has those that give the broker's memory (default: -Xmx512m).
set -eu

libs=$1
directory=$2
cluster_id=$3
here=$(dirname "$0")

# Runs are short and on few cores: the serial collector and the first compiler tier halve the broker's time and CPU.
java_with() {
  exec java -XX:+UseSerialGC -XX:TieredStopAtLevel=1 -XX:+ExitOnOutOfMemoryError \
    "-Dlog4j2.configurationFile=$here/log4j2.properties" -cp "$libs/*" "$@"
}

# The marker is written after formatting, so that an interrupted formatting is repeated.
if [ ! -f "$directory/formatted" ]; then
  rm -rf "$directory/data"
  if [ -f "$directory/format.arguments" ]; then
    # It has passwords, which a command line would show to everybody. Errors repeat them, in lines that are broken anywhere.
    output=$(java_with "@$directory/format.arguments" 2>&1) && status=0 || status=$?
    printf '%s\n' "$output" | sed '/password=/,$d'
    [ "$status" -eq 0 ] || exit "$status"
  else
    (java_with kafka.tools.StorageTool format -t "$cluster_id" -c "$directory/broker.properties" ${FORMAT_OPTIONS:-})
  fi
  touch "$directory/formatted"
fi

# shellcheck disable=SC2086  # several options
java_with ${KAFKA_HEAP_OPTS:--Xmx512m} kafka.Kafka "$directory/broker.properties"
