#!/usr/bin/env bash
# A cluster of one machine: starts a job script in the background, prints its id. $FAKE_CLUSTER is
# the folder that holds its state; while there is a file `closed` in it, jobs wait.
set -euo pipefail
job=$(mktemp -d "${FAKE_CLUSTER:?}/job-XXXXXX")
cp "$1" "$job/script" # Snakemake removes its own
# How many jobs are not done yet, this one among them.
started=$(find "$FAKE_CLUSTER" -name script | wc -l)
ended=$(find "$FAKE_CLUSTER" -name ended | wc -l)
echo $((started - ended)) >> "$FAKE_CLUSTER/running"
setsid bash -c '
    while [[ -e $FAKE_CLUSTER/closed ]]; do sleep 0.1; done
    bash "$0/script" > "$0/log" 2>&1 && echo success > "$0/.ended" || echo failed > "$0/.ended"
    mv "$0/.ended" "$0/ended"
' "$job" < /dev/null > /dev/null 2>&1 &
basename "$job"
