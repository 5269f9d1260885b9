/**
 * Runs every `*.bench.ts` beside it, or those whose names contain one of the arguments, each in a process of its own: so none
 * measures another's memory, and one that fails takes no other with it. Prints one JSON object a line; all else goes to stderr.
 */
import { execFile } from 'node:child_process';
import { readdirSync } from 'node:fs';
import path from 'node:path';
import { promisify } from 'node:util';
import { errorMessage } from '../src/lib/errors.ts';
import { isBenchLine } from './line.ts';

/** The longest bench sets up a volume with 10,000 files; ten times that is a hang, in milliseconds. */
const DEADLINE_MS = 900_000;

const run = promisify(execFile);
const wanted = process.argv.slice(2);
const files = readdirSync(import.meta.dirname)
  .filter((file) => file.endsWith('.bench.ts') && (wanted.length === 0 || wanted.some((word) => file.includes(word))))
  .toSorted();

const build = path.resolve(import.meta.dirname, '../scripts/build.ts');
await run(process.execPath, [build]);
for (const file of files) {
  const start = performance.now();
  try {
    await printLines(file);
    console.error(`bench: ${file} (${((performance.now() - start) / 1000).toFixed(1)} s)`);
  } catch (error) {
    console.error(`bench: ${file} FAILED: ${errorMessage(error)}`);
    process.exitCode = 1;
  }
}
if (files.length === 0) {
  console.error(`bench: there is none with ${wanted.join(' or ')} in its name`);
  process.exitCode = 2;
}

async function printLines(file: string): Promise<void> {
  const options = { timeout: DEADLINE_MS, killSignal: 'SIGKILL' } as const;
  const { stdout } = await run(process.execPath, [path.join(import.meta.dirname, file)], options);
  const lines = stdout.split('\n').filter((line) => line !== '');
  for (const line of lines) {
    const value: unknown = JSON.parse(line);
    if (!isBenchLine(value)) throw new Error(`not a line of a bench: ${line}`);
    console.log(JSON.stringify(value));
  }
  if (lines.length === 0) throw new Error('it printed no line');
}
