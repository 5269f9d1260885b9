import { readFileSync } from 'node:fs';

/** The version of this build: put in by the bundler, read from package.json when run from source. */
export const AGENT_VERSION: string = process.env['BRICK_AGENT_VERSION'] ?? fromPackage();

function fromPackage(): string {
  const parsed: unknown = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'));
  return typeof parsed === 'object' && parsed !== null && 'version' in parsed ? String(parsed.version) : '0.0.0';
}
