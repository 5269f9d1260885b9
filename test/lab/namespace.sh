#!/bin/sh
# Runs a command where GlusterFS is, in the private mount namespace that the caller made: the lab's folder has the same path
# inside and outside, /run/gluster and /var/log/glusterfs are the pod's own, the root is read-only, and every mount vanishes
# with the process. Every step is an exec, so the command keeps the pid of the caller's child.
#
# usage: namespace.sh ROOT LAB RUN LOG HOSTS COMMAND [ARGUMENT...]
set -eu
root=$1 lab=$2 run=$3 log=$4 hosts=$5
shift 5

# A core of a crashed brick is 120 MB and would land in the root.
ulimit -c 0

if [ "$root" = / ]; then
  mkdir -p /run/gluster /var/log/glusterfs
  mount --bind "$run" /run/gluster
  mount --bind "$log" /var/log/glusterfs
  [ ! -f /etc/hosts ] || mount --bind "$hosts" /etc/hosts
  exec "$@"
fi

# Debian's minbase has none; without it a brick's host name cannot be resolved and shd takes every brick for a remote one.
[ -e "$root/etc/hosts" ] || : >"$root/etc/hosts"
mount --bind "$root" "$root"
mount -o remount,bind,ro "$root"
mount --rbind /proc "$root/proc"
mount --rbind /dev "$root/dev"
mount -t tmpfs -o mode=1777 tmpfs "$root/tmp"
mount -t tmpfs tmpfs "$root/run"
mkdir -p "$root$lab" "$root/run/gluster"
# With what is mounted in it: a brick may have a disk of its own.
mount --rbind "$lab" "$root$lab"
mount --bind "$run" "$root/run/gluster"
mount --bind "$log" "$root/var/log/glusterfs"
mount --bind "$hosts" "$root/etc/hosts"
exec chroot "$root" "$@"
