#!/usr/bin/env bash
# Makes a Docker engine answer on this machine: the one that runs, else Debian's, installed and started here (root).
# It goes on running afterwards; `kill $(cat /run/docker.pid)` ends it.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)

say() { printf 'cluster: %s\n' "$*" >&2; }
answers() { docker version >/dev/null 2>&1; }

# A node takes about 30 inotify instances, and what gets none does not start: kube-proxy, and with it every Service. Linux
# allows 128, which is four clusters at once (https://kind.sigs.k8s.io/docs/user/known-issues, "too many open files").
instances=/proc/sys/fs/inotify/max_user_instances
if [ "$(cat $instances)" -lt 512 ] && [ -w $instances ]; then
    say "$instances: 512"
    echo 512 >$instances || say "it cannot be raised: several clusters at once may be too many"
fi

answers && exit 0
if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
    say "no Docker engine answers; installing and starting one takes root on Debian"
    exit 1
fi
if ! command -v docker >/dev/null || ! command -v dockerd >/dev/null || ! command -v jq >/dev/null ||
    ! command -v iptables >/dev/null; then
    say "installing Debian's Docker engine"
    apt-get update -qq
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends \
        docker.io containerd runc iptables jq >/dev/null
    answers && exit 0 # where a service manager runs, installing has started it
fi

# A machine may lack capabilities (a container without CAP_SYS_RESOURCE, say). A privileged container asks for all of
# them and runc then refuses, so it runs by way of a runtime that asks for what there is.
install -m 755 "$here/runc-available-caps" /usr/local/bin/runc-available-caps
log=/var/log/webhookcore-cluster-engine.log
say "starting a Docker engine (log: $log)"
# The engine stays: no file of whoever waits for this script's end may stay open in it.
setsid dockerd --add-runtime available-caps=/usr/local/bin/runc-available-caps --default-runtime available-caps \
    >"$log" 2>&1 </dev/null 3>&- 4>&- &
for _ in $(seq 120); do
    answers && exit 0
    sleep 0.5
done
say "the Docker engine did not start. Its log ends:"
tail -20 "$log" >&2
exit 1
