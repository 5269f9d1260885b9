#!/usr/bin/env bash
# All checks and all tests. Every step runs, also after a failed one; the last line counts, and the exit code is that of the
# count. The Makefile has set up Node and its packages; what the integration tests need besides, GlusterFS and a browser, is
# set up here while the checks run.
set -uo pipefail
cd "$(dirname "$0")/.."

readonly REPORTS=${CACHE:-$PWD/.cache}/test-reports
rm -rf "$REPORTS"
mkdir -p "$REPORTS"
failed_checks=()
reports=()

# A check says nothing but that it passed; its output is shown when it failed. Checks run beside each other, so all that one
# has to say is printed at once, and a file stands for each until it has passed.
check() {
  local name=$1 start=$SECONDS
  shift
  touch "$REPORTS/$name.failed"
  if "$@" >"$REPORTS/$name.log" 2>&1 </dev/null; then
    rm "$REPORTS/$name.failed"
    printf 'check: %-10s passed (%d s)\n' "$name" $((SECONDS - start))
  else
    printf 'check: %-10s FAILED\n%s\n' "$name" "$(cat "$REPORTS/$name.log")"
  fi
}

# What the set-up says is shown in any case: it may have skipped something.
set_up() {
  check setup scripts/setup.sh --browser
  [ -e "$REPORTS/setup.failed" ] || cat "$REPORTS/setup.log"
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

set_up &
# It takes one core for as long as the others take together.
check format prettier --check --log-level warn . &
check lint oxlint --type-aware --deny-warnings
check types tsc --noEmit
check page-types tsc --noEmit -p src/agent/http/page
check deadcode knip --no-progress
# Nothing runs beside the tests.
wait
for file in "$REPORTS"/*.failed; do
  [ ! -e "$file" ] || failed_checks+=(--failed-check "$(basename "$file" .failed)")
done
tests unit
why=$(why_no_integration)
if [ -z "$why" ]; then
  tests integration
else
  printf '\n!!!!!!!! INTEGRATION TESTS SKIPPED: %s !!!!!!!!\n\n' "$why"
  [ "${CI:-}" != true ] || failed_checks+=(--failed-check integration)
fi
node scripts/test-summary.ts ${failed_checks[@]+"${failed_checks[@]}"} "${reports[@]}" | tee "$REPORTS/summary"
