#!/bin/sh
# status.sh ID: prints running, success or failed.
# -x: ended jobs, too, for as long as the server remembers them (job_history_enable)
if said=$(qstat -x -f "$1" 2>&1); then
    printf '%s\n' "$said" | awk -F ' = ' '
        $1 ~ /^ *job_state$/ { state = $2 }
        $1 ~ /^ *Exit_status$/ { status = $2 }
        END { print state != "F" ? "running" : status == "0" ? "success" : "failed" }'
else
    case $said in
        *"Unknown Job"*) echo failed ;; # it is not known, so nobody would ever see it end
        *) echo running ;;              # the server does not answer just now
    esac
fi
