#!/bin/sh
# Formats a node's storage once, then becomes its broker:
#   start-broker.sh LIBS DIRECTORY CLUSTER_ID    DIRECTORY holds broker.properties, whose log.dirs is DIRECTORY/data
# FORMAT_OPTIONS in the environment are further ones of the format command, such as --feature NAME=LEVEL.
set -eu

libs=$1
directory=$2
cluster_id=$3
here=$(dirname "$0")

# Runs are short and cores few: the serial collector and the quick compiler halve what the broker takes from both.
java_with() {
  exec java -XX:+UseSerialGC -XX:TieredStopAtLevel=1 -XX:+ExitOnOutOfMemoryError \
    "-Dlog4j2.configurationFile=$here/log4j2.properties" -cp "$libs/*" "$@"
}

# The mark is set after formatting: a formatting cut short is done again.
if [ ! -f "$directory/formatted" ]; then
  rm -rf "$directory/data"
  (java_with kafka.tools.StorageTool format -t "$cluster_id" -c "$directory/broker.properties" ${FORMAT_OPTIONS:-})
  touch "$directory/formatted"
fi

java_with -Xmx512m kafka.Kafka "$directory/broker.properties"
