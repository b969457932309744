#!/bin/sh
# namespaces.sh hold PREFIX RANKS RATE BURST LATENCY   makes a lab's namespaces and holds them until its standard input ends
# namespaces.sh remove NAMESPACE...                    ends what runs in these namespaces and removes them
#
# `hold` is the only one that makes a lab and the only one that takes it down, so that it is taken down whatever happens to
# the program that asked for it: the kernel closes the pipe of a program that is killed. All devices live in the lab's
# namespaces, none outside: two labs do not meet, and with its namespaces a lab is gone as a whole.
set -eu

members() {
  for namespace in "$@"; do ip netns pids "$namespace" 2>/dev/null || true; done
}

remove() {
  pids=$(members "$@")
  if [ -n "$pids" ]; then
    kill -TERM $pids 2>/dev/null || true
    tries=0
    while [ -n "$(members "$@")" ] && [ $tries -lt 20 ]; do
      sleep 0.1
      tries=$((tries + 1))
    done
  fi
  tries=0
  while pids=$(members "$@") && [ -n "$pids" ] && [ $tries -lt 50 ]; do
    kill -KILL $pids 2>/dev/null || true
    sleep 0.02
    tries=$((tries + 1))
  done
  for namespace in "$@"; do ip netns del "$namespace" 2>/dev/null || true; done
}

shape() {
  tc -n "$1" qdisc add dev "$2" root tbf rate "$rate" burst "$burst" latency "$latency"
}

make() {
  ip netns add "$hub"
  ip -n "$hub" link add hub type bridge
  ip -n "$hub" link set hub up
  rank=0
  while [ $rank -lt "$ranks" ]; do
    host="$prefix-$rank"
    ip netns add "$host"
    ip link add name "rank$rank" netns "$hub" type veth peer name eth0 netns "$host"
    ip -n "$hub" link set "rank$rank" master hub up
    ip -n "$host" addr add "10.77.0.$((rank + 1))/24" dev eth0
    ip -n "$host" link set lo up
    ip -n "$host" link set eth0 up
    if [ -n "$rate" ]; then
      shape "$host" eth0
      shape "$hub" "rank$rank"
    fi
    rank=$((rank + 1))
  done
}

case "$1" in
  remove)
    shift
    remove "$@"
    ;;
  hold)
    prefix=$2 ranks=$3 rate=$4 burst=$5 latency=$6
    hub="$prefix-hub"
    namespaces=$hub
    rank=0
    while [ $rank -lt "$ranks" ]; do
      namespaces="$namespaces $prefix-$rank"
      rank=$((rank + 1))
    done
    # It ends with its standard input and with nothing else.
    trap '' INT TERM HUP PIPE
    trap 'remove $namespaces' EXIT
    make
    echo ready
    while read -r _; do :; done
    ;;
esac
