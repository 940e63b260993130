#!/usr/bin/env bash
# A device that AWS IoT has never seen comes in; one that steals its name stays out. Runs inside the local cloud:
#   python3 infra/local/cloud.py run -- infra/local/demo.sh
set -euo pipefail
cd "$(dirname "$0")/../.."

infra/local/deploy.sh

readonly jitr=$PWD/target/debug/jitr
cd "$JITR_LOCAL_DIR"

say() {
  printf '\n== %s\n' "$*"
}

# Shows a command as one would type it, and runs it.
run() {
  printf '\n$ jitr %s\n' "$*"
  "$jitr" "$@"
}

say "The maker's CA is registered with AWS IoT"
run ca new --name "Pump Works CA" --out ca
run ca register --ca ca/ca.pem --ca-key ca/ca.key --label pump-works

say "A device is made, and connects for the first time"
run device new --ca ca/ca.pem --ca-key ca/ca.key --name pump-17 --out pump-17
run device connect --cert pump-17/chain.pem --key pump-17/device.key --message '{"temperature":21.5}'

say "Why is it in?"
run why pump-17

say "Somebody with a second certificate for the same name knocks"
run device new --ca ca/ca.pem --ca-key ca/ca.key --name pump-17 --out stolen
if run device connect --cert stolen/chain.pem --key stolen/device.key --timeout 4s; then
  echo "demo: error: the stolen name was let in" >&2
  exit 1
fi
for _ in {1..20}; do
  # The last event may still be under way.
  "$jitr" why --cert stolen/chain.pem --json | grep -q '"refused"' && break
  sleep 0.5
done
run why --cert stolen/chain.pem

say "The first device is still in"
run device connect --cert pump-17/chain.pem --key pump-17/device.key
printf '\ndemo: passed\n'
