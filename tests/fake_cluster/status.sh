#!/usr/bin/env bash
# Prints running, success or failed.
set -euo pipefail
cat "${FAKE_CLUSTER:?}/$1/ended" 2> /dev/null || echo running
