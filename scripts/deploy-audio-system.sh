#!/usr/bin/env bash
# Another name for ./scripts/deploy.
exec "$(dirname "${BASH_SOURCE[0]}")/deploy" "$@"
