#!/usr/bin/env bash
# All checks and all tests. Every step runs, also after a failed one; the last line counts, and the exit code is that of the
# count. Set-up has been done by the Makefile.
set -uo pipefail
cd "$(dirname "$0")/.."

readonly REPORTS=${CACHE:-$PWD/.cache}/test-reports
rm -rf "$REPORTS"
mkdir -p "$REPORTS"
failed_checks=()
reports=()

# A check says nothing but that it passed; its output is shown when it failed.
check() {
  local name=$1 start=$SECONDS
  shift
  if "$@" >"$REPORTS/$name.log" 2>&1 </dev/null; then
    printf 'check: %-10s passed (%d s)\n' "$name" $((SECONDS - start))
  else
    printf 'check: %-10s FAILED\n' "$name"
    cat "$REPORTS/$name.log"
    failed_checks+=(--failed-check "$name")
  fi
}

tests() {
  local project=$1
  # Counted from the report, and a run that ends without a report counts as failed.
  reports+=("$REPORTS/$project.json")
  vitest run --project "$project" --reporter=default --reporter=json --outputFile.json="$REPORTS/$project.json" </dev/null
}

why_no_integration() {
  [ "$(uname -s)" = Linux ] || { echo 'GlusterFS runs on Linux only' && return; }
  [ "$(id -u)" -eq 0 ] || { echo 'mounts and trusted xattrs take root' && return; }
  [ -c /dev/fuse ] || { echo 'there is no /dev/fuse' && return; }
}

check format prettier --check --log-level warn .
check lint oxlint --type-aware --deny-warnings
check types tsc --noEmit
check page-types tsc --noEmit -p src/agent/http/page
check deadcode knip --no-progress
tests unit
why=$(why_no_integration)
if [ -z "$why" ]; then
  tests integration
else
  printf '\n!!!!!!!! INTEGRATION TESTS SKIPPED: %s !!!!!!!!\n\n' "$why"
  [ "${CI:-}" != true ] || failed_checks+=(--failed-check integration)
fi
node scripts/test-summary.ts ${failed_checks[@]+"${failed_checks[@]}"} "${reports[@]}" | tee "$REPORTS/summary"
