#!/bin/sh
# submit.sh THREADS MEGABYTES MINUTES GPUS SCRIPT: hands a job to PBS, prints its id. Your queue and
# account belong here: -q QUEUE -A ACCOUNT.
set -eu
chunk=1:ncpus=$1:mem=${2}mb
# a cluster without GPUs has no such resource, and refuses its name
[ "$4" -eq 0 ] || chunk=$chunk:ngpus=$4
# what PBS says of each job goes into one folder; steps have logs of their own
mkdir -p .snakemake/pbs
# -V: jobs find the Python from which this runs
exec qsub -V -j oe -o .snakemake/pbs/ -l "select=$chunk" -l "walltime=$(($3 * 60))" "$5"
