/** The table of docs/probes.md, and what the probes of an agent say in its words. */
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import type { LabAgent } from '../lab/agent.ts';

const DOCS = readFileSync(resolve(import.meta.dirname, '../../docs/probes.md'), 'utf8');
const PROBES = ['/brick/livez', '/brick/readyz', '/brick/startupz', '/shd/livez', '/livez'];
/** A probe is answered at once, whatever the disk does. In milliseconds. */
const PROMPT_MS = 1_000;

/** The status of each probe, e.g. `/brick/livez=200 /brick/readyz=503 ...`. */
export async function told(agent: LabAgent): Promise<string> {
  const words: string[] = [];
  for (const path of PROBES) {
    const { status } = await agent.ops(path, { timeoutMs: PROMPT_MS });
    words.push(`${path}=${status}`);
  }
  return words.join(' ');
}

/** The row of docs/probes.md. */
export function documented(state: string): string {
  const rows = DOCS.split('\n').map((line) => line.split('|').map((cell) => cell.trim().replaceAll('`', '')));
  const header = rows.find(([, first]) => first === 'state');
  const row = rows.find(([, first]) => first === state);
  if (header === undefined || row === undefined) throw new Error(`docs/probes.md has no row "${state}"`);
  return header
    .slice(2, -1)
    .map((probe, index) => `${probe}=${row[index + 2] ?? ''}`)
    .join(' ');
}
