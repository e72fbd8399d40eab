#!/usr/bin/env bash
# Sluice on your machine, end to end: a broker, the hub, the daemon, and recorded sensor data played
# into them. Sets up what is missing, uses free ports on loopback and a folder of its own.
#
#   config/demo.sh [--seconds N] [--speed S] [--kill] [--json] [--keep]
#
#   --seconds N  play for N seconds (default 60); without --speed every recording is fitted into that
#   --speed S    play S times faster than recorded
#   --kill       kill -9 the daemon half way and start it again
#   --json       no screen; one JSON object at the end
#   --keep       keep the folder with databases and logs, and say where it is
# Exit codes: 0 all summaries arrived and the ledgers balance, 1 not so or a part did not start, 2 usage.
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
cd "$root"

seconds=60 speed='' kill_half_way=0 json=0 keep=0
die() { echo "demo: $*" >&2; exit "${code:-1}"; }
need_number() {
  [[ ${2:-} =~ ^[0-9]+(\.[0-9]+)?$ && $2 =~ [1-9] ]] || code=2 die "$1 needs a number above 0, got \"${2:-}\""
}
while [ $# -gt 0 ]; do
  case $1 in
    --seconds) need_number "$@"; seconds=$2; shift ;;
    --speed) need_number "$@"; speed=$2; shift ;;
    --kill) kill_half_way=1 ;;
    --json) json=1 ;;
    --keep) keep=1 ;;
    -h|--help) sed -n '2,/^set/s/^# \{0,1\}//p' "$0"; exit 0 ;;
    *) code=2 die "unknown option $1; --help lists them" ;;
  esac
  shift
done

say() { [ "$json" = 1 ] || echo "demo: $*" >&2; }

# ---- build -------------------------------------------------------------------------------------
bash .ci/setup
say "building (a few minutes the first time)"
build_log=$(mktemp)
if ! { cmake --preset release && cmake --build --preset release -j "$(nproc)" \
         --target sluiced sluice-hub sluicectl sluice-rehearse sluice-replay range deadband scale; } >"$build_log" 2>&1; then
  tail -n 30 "$build_log" >&2
  die "the build failed; the whole log is $build_log"
fi
rm -f "$build_log"
bin=$root/build/release/bin

# ---- everything we start ends with us ------------------------------------------------------------
state=$(mktemp -d "${TMPDIR:-/tmp}/sluice-demo.XXXXXX")
declare -A pids=()
finish() {
  trap - EXIT INT TERM
  for name in top replay daemon hub broker; do
    [ -n "${pids[$name]:-}" ] && kill "${pids[$name]}" 2>/dev/null || true
  done
  wait 2>/dev/null || true
  if [ "$keep" = 1 ]; then echo "demo: kept $state" >&2; else rm -rf "$state"; fi
}
trap finish EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
alive() { kill -0 "${pids[$1]}" 2>/dev/null; }
# until_true SECONDS COMMAND…: polls; false when time is up.
until_true() {
  local tries=$(($1 * 10)); shift
  while ((tries-- > 0)); do "$@" && return 0; sleep 0.1; done
  return 1
}

# ---- broker ------------------------------------------------------------------------------------
command -v mosquitto >/dev/null || PATH=$PATH:/usr/sbin
broker_conf() {
  sed -e "s|^listener .*|listener $mqtt_port 127.0.0.1|" \
    -e "s|^persistence_location .*|persistence_location $state/|" config/mosquitto.conf
  [ "$(id -u)" != 0 ] || echo 'user root'
}
broker_up() { ! alive broker || (exec 3<>"/dev/tcp/127.0.0.1/$mqtt_port") 2>/dev/null; }
for attempt in 1 2 3 4 5; do
  mqtt_port=$((20000 + RANDOM % 12000))
  (exec 3<>"/dev/tcp/127.0.0.1/$mqtt_port") 2>/dev/null && continue
  broker_conf >"$state/mosquitto.conf"
  mosquitto -c "$state/mosquitto.conf" >"$state/broker.log" 2>&1 &
  pids[broker]=$!
  until_true 5 broker_up || true
  alive broker && break
  [ "$attempt" != 5 ] || { tail -n 2 "$state/broker.log" >&2; die "mosquitto found no free port"; }
done

# ---- hub and daemon ----------------------------------------------------------------------------
"$bin/sluice-hub" --listen 127.0.0.1:0 --port-file "$state/hub.port" --db "$state/hub.sqlite" \
  >"$state/hub.log" 2>&1 &
pids[hub]=$!
hub_up() { [ -s "$state/hub.port" ] || ! alive hub; }
until_true 10 hub_up && alive hub || { tail -n 2 "$state/hub.log" >&2; die "the hub did not start"; }
hub=127.0.0.1:$(cat "$state/hub.port")

sed -e "s|@MQTT_PORT@|$mqtt_port|; s|@HUB_PORT@|${hub##*:}|; s|@STATE@|$state|; s|@PLUGINS@|$root/build/release/plugins|" \
  config/demo.yaml >"$state/sluice.yaml"
ctl() { "$bin/sluicectl" --socket "$state/admin.sock" "$@"; }
daemon_up() { ! alive daemon || ctl --json status 2>/dev/null | jq -e .ready >/dev/null; }
start_daemon() {
  "$bin/sluiced" --config "$state/sluice.yaml" >>"$state/daemon.log" 2>&1 &
  pids[daemon]=$!
  until_true 15 daemon_up && alive daemon || { tail -n 5 "$state/daemon.log" >&2; die "the daemon did not start"; }
}
start_daemon

# ---- play --------------------------------------------------------------------------------------
"$bin/sluice-replay" --url "tcp://127.0.0.1:$mqtt_port" --seconds "$seconds" ${speed:+--speed "$speed"} --json \
  config/demo/*.tsv >"$state/replay.json" 2>"$state/replay.log" &
pids[replay]=$!
started=$SECONDS
if [ "$json" = 0 ]; then
  "$bin/sluicectl" --socket "$state/admin.sock" top &
  pids[top]=$!
fi
rss_max=0
while alive replay; do
  sleep 0.5
  alive daemon || { tail -n 5 "$state/daemon.log" >&2; die "the daemon ended by itself"; }
  rss=$(awk '/^VmHWM/ {print $2 * 1024}' "/proc/${pids[daemon]}/status" 2>/dev/null || echo 0)
  ((${rss:-0} > rss_max)) && rss_max=$rss
  if [ "$kill_half_way" = 1 ] && awk "BEGIN {exit !($SECONDS - $started >= $seconds / 2)}"; then
    kill_half_way=done
    kill -9 "${pids[daemon]}"
    wait "${pids[daemon]}" 2>/dev/null || true
    start_daemon
  fi
done
wait "${pids[replay]}" || { cat "$state/replay.log" >&2; die "the replay failed"; }
published=$(jq .messages_published "$state/replay.json")

# ---- let everything arrive -----------------------------------------------------------------------
drained() {
  ctl --json status 2>/dev/null | jq -e --argjson n "$published" \
    '(.messages_received - .messages_duplicate) >= $n and .panes_outbox == 0' >/dev/null
}
until_true 60 drained || say "not everything arrived within 60 s"
sleep 0.5
drained || true
ctl --json status >"$state/status.json"
"$bin/sluicectl" --json hub nodes --hub "$hub" >"$state/nodes.json"
if [ -n "${pids[top]:-}" ]; then
  kill "${pids[top]}" 2>/dev/null || true
  wait "${pids[top]}" 2>/dev/null || true
fi

report=$(jq -n --slurpfile s "$state/status.json" --slurpfile n "$state/nodes.json" \
  --slurpfile r "$state/replay.json" --argjson rss "$rss_max" '
  ($s[0]) as $s | ($n[0].nodes | map(.panes) | add // 0) as $in_hub | {
    messages_published: $r[0].messages_published,
    messages_received: $s.messages_received,
    messages_duplicate: $s.messages_duplicate,
    readings_received: $s.readings_decoded,
    readings_filtered: $s.readings_filtered,
    readings_late: $s.readings_late,
    readings_aggregated: $s.readings_aggregated,
    readings_rejected: $s.readings_rejected,
    readings_pending: ($s.pipelines | map(.readings_pending) | add // 0),
    summaries_delivered: $s.panes_acked,
    summaries_in_hub: $in_hub,
    ledger_difference: $s.ledger_difference,
    bytes_mqtt: $r[0].bytes_published,
    bytes_uplink: ($n[0].nodes | map(.bytes_received) | add // 0),
    daemon_rss_max_bytes: $rss
  }')
if [ "$json" = 1 ]; then
  echo "$report"
else
  echo "$report" | jq -r 'to_entries[] | "\(.key)\t\(.value)"' |
    awk -F'\t' '{printf "  %-22s %12s\n", $1, $2}'
  [ "$kill_half_way" != done ] || echo "  (the daemon was killed with kill -9 half way)"
fi
jq -e '.ledger_difference == 0 and .summaries_delivered == .summaries_in_hub and
       .messages_received - .messages_duplicate == .messages_published' >/dev/null <<<"$report" ||
  die "the figures do not add up; run again with --keep and look at the logs"
