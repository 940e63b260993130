#!/usr/bin/env bash
# Makes `walk-through-*` with the walk-through's commands, which take OpenSSL 3.0 or before to make a device certificate of
# X.509 version 1. They are valid for longer than the walk-through's.
set -euo pipefail
cd "$(dirname "$0")"
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

make_key() {
  openssl genrsa -out "$1.key" 2048
}

make_key walk-through-ca
openssl req -x509 -new -nodes -key walk-through-ca.key -sha256 -days 25000 -out "$folder/ca.pem" -subj /CN=walk-through-ca
make_key walk-through-device
openssl req -new -key walk-through-device.key -out "$folder/device.csr" -subj /CN=walk-through-device
openssl x509 -req -in "$folder/device.csr" -CA "$folder/ca.pem" -CAkey walk-through-ca.key -CAcreateserial \
  -out "$folder/device.pem" -days 24000 -sha256
openssl x509 -in "$folder/device.pem" -noout -text | grep -q 'Version: 1 ' || {
  echo "this OpenSSL makes another version: $(openssl version)" >&2
  exit 1
}
for name in ca device; do
  openssl x509 -in "$folder/$name.pem" -outform DER -out "walk-through-$name.der"
done
