#!/usr/bin/env bash
# Fetches what the benches compare with and nothing else needs: node_exporter, out of Debian's package without installing it,
# because that would start one. Never fails: a bench without its peer says so.
set -euo pipefail
cd "$(dirname "$0")/.."

readonly TOOL=prometheus-node-exporter
bin=${CACHE:-$PWD/.cache}/bin

[ -z "$(type -P "$TOOL")" ] && [ ! -x "$bin/$TOOL" ] || exit 0
[ -n "$(command -v apt-get)" ] || exit 0
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
fetch() { apt-get download -q "$TOOL" || { [ "$(id -u)" -eq 0 ] && apt-get update -q && apt-get download -q "$TOOL"; }; }
if (cd "$work" && fetch && dpkg-deb --fsys-tarfile "$TOOL"_*.deb | tar -x "./usr/bin/$TOOL") >&2; then
  mkdir -p "$bin" && mv "$work/usr/bin/$TOOL" "$bin"
else
  echo "bench: $TOOL cannot be had here" >&2
fi
