#!/usr/bin/env bash
# The whole test run, in the order in which faults are cheapest to find.
set -euo pipefail
cd "$(dirname "$0")/.."

readonly deny_version=0.20.2
# Octets of each function's binary, which is loaded at every cold start.
declare -rA size_budgets=(
  [activator]=9800000 [crl-checker]=10500000 [lifecycle-recorder]=7200000 [rule-sink]=8500000
)
export PATH="$PWD/.venv/bin:$PWD/target/tools/bin:$PATH"

headline="" started=0 building=""

# Plain calls, not "|| ..." or "if": inside these bash would go on after a failed line of a step.
step() {
  headline=$1 started=$SECONDS
  shift
  printf '\n== %s\n' "$headline"
  "$@"
  printf '== %s: passed in %d s\n' "$headline" $((SECONDS - started))
}

report_failure() {
  local code=$?
  [[ -z $building ]] || kill -- -"$building" 2>/dev/null || true
  ((code == 0)) || printf '\n== %s: FAILED after %d s\n' "$headline" $((SECONDS - started)) >&2
}
trap report_failure EXIT

documentation() {
  RUSTDOCFLAGS="-D warnings" cargo doc --workspace --all-features --no-deps
}

dependencies() {
  if ! cargo deny --version >/dev/null 2>&1; then
    echo "installing cargo-deny $deny_version into target/tools (minutes, once) ..."
    # It only reads metadata: without optimisation it is compiled in a fraction of the time, and is fast enough.
    CARGO_PROFILE_DEV_DEBUG=0 cargo install --quiet --locked --debug \
      --root target/tools --target-dir target/tools/build --version "$deny_version" cargo-deny
    rm -rf target/tools/build
  fi
  # Advisories need the network at every run; the public workflow checks them.
  cargo deny check bans licenses sources
}

template() {
  AWS_DEFAULT_REGION=us-east-1 SAM_CLI_TELEMETRY=0 sam validate --lint
  .venv/bin/python infra/restore_test.py
}

# Each of the functions is linked as one piece, on one core: meanwhile the other steps have the other ones.
readonly build_log=target/functions.log
begin_building() {
  mkdir -p target
  # With a group of its own, it can be ended with all that it has started.
  set -m
  infra/local/build.sh >"$build_log" 2>&1 &
  building=$!
  set +m
}

binaries() {
  wait "$building" || {
    tail -n 40 "$build_log"
    return 1
  }
  building=""
}

whole_suite() {
  python3 infra/local/cloud.py run -- \
    bash -c 'infra/local/deploy.sh && exec cargo test --workspace --features tests/local-cloud --test suite --test burst'
}

stacks() {
  python3 infra/local/cloud.py run -- .venv/bin/python infra/local/stacks.py
}

binary_sizes() {
  local manifest
  for manifest in functions/*/Cargo.toml; do
    binary_size "$(basename "$(dirname "$manifest")")"
  done
}

binary_size() {
  local function=$1 budget=${size_budgets[$1]:-} size sections
  local binary=${CARGO_TARGET_DIR:-target}/lambda/$function/bootstrap
  if [[ -z $budget ]]; then
    echo "$function has no budget: see size_budgets" >&2
    return 1
  fi
  size=$(wc -c <"$binary")
  echo "$binary: $size bytes of $budget"
  if ((size > budget)); then
    echo "$function is over its budget: it is loaded at every cold start" >&2
    return 1
  fi
  sections=$(readelf --sections --wide "$binary")
  if [[ $sections == *.symtab* ]]; then
    echo "$function is not stripped: see profile.release in Cargo.toml" >&2
    return 1
  fi
}

step "tools" python3 infra/local/cloud.py setup
step "begin to build the functions" begin_building
step "format" cargo fmt --all --check
step "spelling" typos
step "lints" cargo clippy --workspace --all-targets --all-features -- -D warnings
step "documentation" documentation
step "unit tests and fixtures" cargo test --workspace
step "dependencies" dependencies
step "template" template
step "functions" binaries
step "whole suite on the local cloud" whole_suite
step "two stacks, one of which goes and comes back" stacks
step "binary sizes" binary_sizes
printf '\n== all passed in %d s\n' "$SECONDS"
