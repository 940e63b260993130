#!/usr/bin/env bash
# Builds the functions for this machine, as `sam build` would, which holds cargo's messages back until the end.
set -euo pipefail
cd "$(dirname "$0")/../.."

case $(uname -m) in
  aarch64 | arm64) target_flags=(--arm64) ;;
  *) target_flags=() ;;
esac
for manifest in functions/*/Cargo.toml; do
  cargo lambda build --release --manifest-path "$manifest" "${target_flags[@]}"
done
