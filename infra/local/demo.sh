#!/usr/bin/env bash
# A device that AWS IoT has never seen comes in, is told what to do, is heard, and is seen to stay and to go; one that
# steals its name stays out, and what the maker's CA revokes goes.
# Runs inside the local cloud:
#   python3 infra/local/cloud.py run -- infra/local/demo.sh
set -euo pipefail
cd "$(dirname "$0")/../.."

infra/local/deploy.sh

readonly jitr=$PWD/target/debug/jitr
readonly device_sdk=$PWD/tests/clients/device_sdk.py
readonly application=$PWD/tests/clients/application.py
readonly crl=s3://iot-jitr-revocation/crl/pump-works.crl
# An empty folder: keys of an earlier run would not be overwritten.
folder=$JITR_LOCAL_DIR/demo
rm -rf "$folder"
mkdir "$folder"
cd "$folder"

say() {
  printf '\n== %s\n' "$*"
}

fail() {
  echo "demo: error: $*" >&2
  exit 1
}

typed() {
  local word
  for word; do
    if [[ $word == *[{\ ]* ]]; then printf " '%s'" "$word"; else printf ' %s' "$word"; fi
  done
}

# Shows a command as one would type it, and runs it.
run() {
  printf '\n$ jitr%s\n' "$(typed "$@")"
  "$jitr" "$@"
}

# The same for a command that must end with a certain code. Not "if run": inside of it bash would go on after a failure.
run_to() {
  local expected=$1 code=0
  shift
  run "$@" || code=$?
  ((code == expected)) || fail "this ended with $code, not with $expected: jitr $*"
}

# The same for an application that knows nothing of jitr, but the SDK of AWS.
ask() {
  printf '\n$ python3 application.py%s\n' "$(typed "$@")"
  python3 "$application" "$@"
}

make_device() {
  run device new --ca ca/ca.pem --ca-key ca/ca.key --name "$1" --out "$2"
}

connect() {
  run device connect --cert "$1/chain.pem" --key "$1/device.key" "${@:2}"
}

# Lets a device in that stays and follows its shadow, until `leave` cuts its power.
staying=""
stay() {
  python3 "$device_sdk" --client-id "$1" --endpoint "$JITR_MQTT_ENDPOINT" --server-ca "$JITR_SERVER_CA" \
    --certificate "$1/chain.pem" --key "$1/device.key" --stay 600 --shadow &
  staying=$!
}

leave() {
  [[ -n $staying ]] || return 0
  kill "$staying" 2>/dev/null || true
  wait "$staying" || true
  staying=""
}
trap leave EXIT

# 2 says that the device was not let in; anything else would be another fault.
is_refused() {
  run_to 2 device connect --cert "$1/chain.pem" --key "$1/device.key" --timeout 4s
}

# Waits until the newest decision about a device's certificate is this one: the last event may still be under way.
is_decided() {
  for _ in {1..40}; do
    "$jitr" why --cert "$1/chain.pem" --json | grep -q "\"decision\": *\"$2\"" && return
    sleep 0.5
  done
  "$jitr" why --cert "$1/chain.pem" >&2 || true
  fail "the decision about $1 is not $2"
}

# Waits until this is told of a client: its last event may still be in the queue.
is_told() {
  for _ in {1..40}; do
    "$jitr" devices show "$1" --json 2>/dev/null | grep -q "\"$2\": *\"$3\"" && return
    sleep 0.5
  done
  "$jitr" devices show "$1" >&2 || true
  fail "the $2 of client $1 is not $3"
}

# Waits until a device's messages in the table hold this: the last ones may still be in the queue.
is_heard() {
  for _ in {1..40}; do
    python3 "$application" messages "$1" | grep -qF "$2" && return
    sleep 0.5
  done
  python3 "$application" messages "$1" >&2 || true
  fail "no message of $1 has $2"
}

# Makes the next CRL from the one before, puts it where the checker looks, and has it carried out.
crls=1
next_crl() {
  local before=$crls
  crls=$((crls + 1))
  run crl new --ca ca/ca.pem --ca-key ca/ca.key --from "$before.crl" --out "$crls.crl" "$@"
  run crl publish "$crls.crl" --ca pump-works
  run sweep --ca pump-works
}

say "The maker's CA is registered with AWS IoT"
run ca new --name "Pump Works CA" --out ca
run ca register --ca ca/ca.pem --ca-key ca/ca.key --label pump-works

say "A device is made, and connects for the first time"
make_device pump-17 pump-17
connect pump-17 --message '{"temperature":21.5}'

say "Why is it in?"
run why pump-17

say "Who is connected? The device has gone again; now it comes back, and waits for commands"
is_told pump-17 disconnectReason CLIENT_INITIATED_DISCONNECT
stay pump-17
is_told pump-17 state connected
is_told pump-17 filter cmd/pump-17/+
is_told pump-17 filter '\$aws/things/pump-17/shadow/update/delta'
run devices show pump-17

say "An application wants it to measure every 30 seconds, and tells its shadow; the device does it, and reports"
ask desire pump-17 '{"interval":30}'

say "What it has said, and every version of its shadow, have gone through rules and a queue into a table"
is_heard pump-17 'version 2:'
ask messages pump-17

say "Its power fails; for a minute that may be a short break, and does not count as offline"
leave
is_told pump-17 disconnectReason CONNECTION_LOST
run devices list

say "Somebody with a second certificate for the same name knocks"
make_device pump-17 stolen
is_refused stolen
is_decided stolen refused
run why --cert stolen/chain.pem

say "The first device is still in"
connect pump-17

say "The CA publishes a CRL, empty for now, and no further device comes in without it"
run ca set pump-works --crl-source "$crl" --require-crl
run crl new --ca ca/ca.pem --ca-key ca/ca.key --out 1.crl
run crl publish 1.crl --ca pump-works
run sweep --ca pump-works

say "A device comes in that is not on the list"
make_device valve-1 valve-1
connect valve-1

say "Its key is stolen, and the CA revokes it"
next_crl --revoke-cert valve-1/device.pem=keyCompromise
is_refused valve-1
is_decided valve-1 revoked
run why valve-1

say "What does the list say about it? The answer is in the exit code too: 2 is revoked, 0 is good"
run_to 2 crl check --ca ca/ca.pem --crl 2.crl --cert valve-1/device.pem
run_to 0 crl check --ca ca/ca.pem --crl 2.crl --cert pump-17/device.pem

say "A device whose certificate is on the list before it ever connects never gets in"
make_device valve-2 valve-2
next_crl --revoke-cert valve-2/device.pem
is_refused valve-2
is_decided valve-2 revoked
run why --cert valve-2/chain.pem

say "The first device goes missing, and is put on hold"
next_crl --hold-cert pump-17/device.pem
is_refused pump-17
is_decided pump-17 held

say "It is found again, and its hold ends"
serial=$("$jitr" why pump-17 --json | sed -n 's/.*"serial": *"\([0-9a-f]*\)".*/\1/p' | head -n 1)
[[ -n $serial ]] || fail "jitr why tells no serial number"
next_crl --remove "$serial"
connect pump-17
is_decided pump-17 activated
printf '\ndemo: passed\n'
