/**
 * `volfile.lint-1000`: one file with 1,000 volumes, parsed and linted. `volfile.swap-to-in-force`: from the swap of a ConfigMap to
 * the line in the brick's log that has the new value, with the agent as it is shipped; `volfile.swap-to-confirmed`: until the agent
 * itself says Applied, which waits to see whether the brick survives.
 */
import { createHash } from 'node:crypto';
import { open } from 'node:fs/promises';
import { Check } from 'typebox/value';
import { volfileListSchema } from '../src/agent/http/schemas.ts';
import { lintVolfile } from '../src/volfile/lint/lint.ts';
import { startAgent, type LabAgent } from '../test/lab/agent.ts';
import type { Brick } from '../test/lab/brick.ts';
import { Lab } from '../test/lab/lab.ts';
import type { Volume } from '../test/lab/volume.ts';
import { waitFor } from '../test/lab/wait.ts';
import { benchLine, median, type BenchLine } from './line.ts';

const VOLUMES = 1_000;
const LINTS = 15;
const LINT_BUDGET_MS = 50;

const SWAPS = 30;
const IN_FORCE_BUDGET_MS = 500;
const CONFIRMED_BUDGET_MS = 1_000;
/** The agent leaves a brick alone that is younger than 10 s. */
const FIRST_DEADLINE_MS = 30_000;
/** Between two looks at the brick's log: what the measurement may be off by. */
const LOOK_MS = 2;

export function volfileLint1000(): BenchLine[] {
  const text = clientOf(VOLUMES);
  const times: number[] = [];
  while (times.length < LINTS) {
    // Of the same bytes nothing would be parsed twice.
    const source = Buffer.from(text);
    const start = performance.now();
    const { graph, problems } = lintVolfile(source, {
      role: 'client',
      expected: {},
      gluster: '11',
      xlators: undefined,
    });
    times.push(performance.now() - start);
    if (graph?.volumes.length !== VOLUMES || problems.length > 0) throw new Error(JSON.stringify(problems[0]));
  }
  return [benchLine('volfile.lint-1000', median(times), LINT_BUDGET_MS, 'ms', 'budget')];
}

/** A distributed-replicated volume's client file: three clients and a replica set, again and again, one distribute on top. */
function clientOf(volumes: number): string {
  const sets = Math.floor((volumes - 1) / 4);
  const extra = (volumes - 1) % 4;
  const blocks: string[] = [];
  const tops: string[] = [];
  const client = (name: string, index: number): string => `volume ${name}
    type protocol/client
    option transport-type tcp
    option transport.address-family inet
    option remote-host server-${index}.vol1
    option remote-port 24007
    option remote-subvolume /bricks/vol1/data/brick-${index}
    option ping-timeout 42
end-volume
`;
  for (let set = 0; set < sets; set += 1) {
    const names = [0, 1, 2].map((replica) => `vol1-client-${set * 3 + replica}`);
    blocks.push(...names.map((name, replica) => client(name, set * 3 + replica)));
    blocks.push(`volume vol1-replicate-${set}
    type cluster/replicate
    option afr-pending-xattr ${names.join(',')}
    option granular-entry-heal on
    option quorum-type auto
    subvolumes ${names.join(' ')}
end-volume
`);
    tops.push(`vol1-replicate-${set}`);
  }
  for (let index = 0; index < extra; index += 1) {
    const name = `vol1-client-${sets * 3 + index}`;
    blocks.push(client(name, sets * 3 + index));
    tops.push(name);
  }
  return [...blocks, `volume vol1\n    type cluster/distribute\n    subvolumes ${tops.join(' ')}\nend-volume\n`].join(
    '\n',
  );
}

export async function volfileSwap(): Promise<BenchLine[]> {
  await using lab = await Lab.create({ name: 'bench-volfile' });
  const volume = await lab.volume({ name: 'vol1', type: 'single' });
  await volume.start();
  // A reload without a connected client is the easy case.
  await volume.mount();
  const brick = volume.brick(0);
  const agent = await startAgent(lab, volume, brick, { bundle: true });
  await confirmed(agent, await swap(volume, brick, 8), FIRST_DEADLINE_MS);
  const inForce: number[] = [];
  const confirmedIn: number[] = [];
  for (let threads = 9; inForce.length < SWAPS; threads += 1) {
    const log = await open(brick.logFile);
    const { size } = await log.stat();
    const start = performance.now();
    const sha256 = await swap(volume, brick, threads);
    const line = `option thread-count using set value ${threads}`;
    const seen = async (): Promise<boolean> => {
      const { buffer, bytesRead } = await log.read(Buffer.alloc(65_536), 0, 65_536, size);
      return buffer.toString('latin1', 0, bytesRead).includes(line);
    };
    await waitFor(line, seen, { intervalMs: LOOK_MS });
    inForce.push(performance.now() - start);
    await confirmed(agent, sha256);
    confirmedIn.push(performance.now() - start);
    await log.close();
  }
  await agent.stop();
  return [
    benchLine('volfile.swap-to-in-force', p95(inForce), IN_FORCE_BUDGET_MS, 'ms', 'budget'),
    benchLine('volfile.swap-to-confirmed', p95(confirmedIn), CONFIRMED_BUDGET_MS, 'ms', 'budget'),
  ];
}

/** @returns what the agent calls the new file */
async function swap(volume: Volume, brick: Brick, threads: number): Promise<string> {
  const text = await volume.configMap.text(brick.volfileName);
  const type = 'type performance/io-threads\n';
  const next = text.replace(
    /type performance\/io-threads\n(?: +option thread-count \d+\n)?/,
    `${type}    option thread-count ${threads}\n`,
  );
  if (next === text) throw new Error(`nothing to change in ${brick.volfileName}`);
  await volume.configMap.swap({ [brick.volfileName]: next });
  return createHash('sha256').update(next).digest('hex');
}

/** The agent says that the brick runs this file. */
async function confirmed(agent: LabAgent, sha256: string, timeoutMs = 10_000): Promise<void> {
  const applied = async (): Promise<boolean> => {
    const { json } = await agent.api('GET', '/v1/volfiles');
    if (!Check(volfileListSchema, json)) throw new Error('the agent answered something else than volfiles');
    const brick = json.items.find(({ process }) => process === 'brick');
    return brick?.outcome === 'Applied' && brick.runningSha256 === sha256;
  };
  await waitFor('Applied', applied, { intervalMs: 10, timeoutMs });
}

function p95(values: readonly number[]): number {
  const value = values.toSorted((a, b) => a - b)[Math.ceil(values.length * 0.95) - 1];
  if (value === undefined) throw new Error('no values');
  return value;
}

if (import.meta.main) {
  for (const line of [...volfileLint1000(), ...(await volfileSwap())]) console.log(JSON.stringify(line));
}
