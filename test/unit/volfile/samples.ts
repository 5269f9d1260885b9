/** The volfiles of test/samples/volfiles, and what the tests say of them again and again. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { LintContext } from '../../../src/volfile/lint/rule.ts';
import { lintVolfile } from '../../../src/volfile/lint/lint.ts';
import type { Graph } from '../../../src/volfile/model.ts';
import { parseText } from '../../../src/volfile/parse.ts';

const DIR = join(import.meta.dirname, '../../samples/volfiles');

export const GOOD_SAMPLES = readdirSync(DIR).filter((name) => name.endsWith('.vol'));
export const BROKEN_SAMPLES = readdirSync(join(DIR, 'broken'));

export const BRICK_PATH = '/bricks/vol1/data/brick';
export const VOLUME_ID = '6f1d2c3b-4a59-4e68-8f70-112233445566';

export function sampleBytes(name: string): Buffer {
  return readFileSync(join(DIR, name));
}

export function sample(name: string): string {
  return sampleBytes(name).toString('utf8');
}

/** The text with one piece replaced; the piece must be there. */
export function edit(text: string, from: string | RegExp, to: string): string {
  const edited = text.replace(from, to);
  if (edited === text) throw new Error(`nothing to replace: ${String(from)}`);
  return edited;
}

export function graphOf(text: string): Graph {
  const result = parseText(text);
  if (!result.ok) throw new Error(JSON.stringify(result.problems));
  return result.graph;
}

export const BRICK_CONTEXT: LintContext = {
  role: 'brick',
  expected: { directory: BRICK_PATH, volumeId: VOLUME_ID, brickName: BRICK_PATH, listenPort: 24_007 },
  gluster: '11',
  xlators: undefined,
};

export const SHD_CONTEXT: LintContext = { role: 'shd', expected: {}, gluster: '11', xlators: undefined };

export const CLIENT_CONTEXT: LintContext = { role: 'client', expected: {}, gluster: '11', xlators: undefined };

/** Ids of what lint finds, each once. */
export function lintIds(text: string, context: LintContext): string[] {
  return [...new Set(lintVolfile(Buffer.from(text), context).problems.map(({ id }) => id))];
}
