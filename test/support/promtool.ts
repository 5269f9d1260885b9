/** Prometheus' own judge, where it is installed; `make setup` puts it into .cache/bin. */
import { spawnSync } from 'node:child_process';
import path from 'node:path';

const TOOLS = path.resolve(import.meta.dirname, '../../.cache/bin');

export interface PromtoolResult {
  status: number | null;
  output: string;
  missing: boolean;
}

export function promtool(args: string[], input = ''): PromtoolResult {
  const env = { ...process.env, PATH: `${process.env['PATH']}:${TOOLS}` };
  const { status, stdout, stderr, error } = spawnSync('promtool', args, { input, env, encoding: 'utf8' });
  return {
    status,
    output: `${stdout}${stderr}`,
    missing: error !== undefined && 'code' in error && error.code === 'ENOENT',
  };
}

const isMissing = promtool(['--version']).missing;

/** On a developer's machine without it, tests are skipped; a pipeline must have it. */
export const skipsPromtool = isMissing && process.env['CI'] !== 'true';

if (skipsPromtool) {
  console.warn(
    '!!!!!!!! promtool is missing: metrics, rules and queries are not judged by it (make setup fetches it) !!!!!!!!',
  );
}
