#!/usr/bin/env bash
# Builds the functions for this machine and deploys the stack into the local cloud. Arguments are template parameters:
#   python3 infra/local/cloud.py run -- infra/local/deploy.sh [Parameter=value...]
set -euo pipefail
cd "$(dirname "$0")/../.."

fail() {
  echo "deploy: error: $*" >&2
  exit 1
}

[[ -n ${JITR_LOCAL_DIR:-} && -n ${AWS_ENDPOINT_URL:-} ]] ||
  fail "this runs inside the local cloud: python3 infra/local/cloud.py run -- infra/local/deploy.sh"

case $(uname -m) in
  x86_64 | amd64) architecture=x86_64 ;;
  aarch64 | arm64) architecture=arm64 ;;
  *) fail "no Lambda architecture fits this machine ($(uname -m))" ;;
esac

log=$JITR_LOCAL_DIR/deploy.log
: >"$log"

# Runs a command into the log. Long ones tell every 20 seconds what they are at.
logged() {
  local started=$SECONDS next=20
  "$@" >>"$log" 2>&1 &
  local command=$!
  while kill -0 "$command" 2>/dev/null; do
    sleep 0.2
    if ((SECONDS - started >= next)); then
      echo "  ${next} s: $(tail -n 1 "$log" | sed 's/^ *//' | cut -c1-100)"
      next=$((next + 20))
    fi
  done
  wait "$command" || {
    echo "deploy: error: this failed: $*; the end of $log:" >&2
    tail -n 30 "$log" >&2
    exit 1
  }
}

echo "building the functions (minutes the first time) ..."
logged infra/local/build.sh
# Whoever serves a CRL to this cloud does it on this machine. The emulator has no quotas, and tests would wait for them.
parameters=("Architecture=$architecture" LocalCloud=true CrlPrivateNetworks=127.0.0.1/32
  AttachPolicyQuota=1000 DescribeCertificateQuota=1000 UpdateCertificateQuota=1000 "$@")
logged sam build --config-file "$PWD/samconfig.toml" --template-file "$PWD/template.yaml" \
  --build-dir "$JITR_LOCAL_DIR/build" --parameter-overrides "${parameters[@]}"

echo "deploying the stack iot-jitr ..."
logged sam deploy --config-file "$PWD/samconfig.toml" --template-file "$JITR_LOCAL_DIR/build/template.yaml" \
  --stack-name iot-jitr --no-progressbar --parameter-overrides "${parameters[@]}"
echo "deployed"
