/** What heal can do by hand, wired: end split-brains, and mark a brick that has lost its data. */
import { brickSetOf } from '../heal/brick-set.ts';
import type { ShdDaemon } from '../heal/shd-daemon.ts';
import { AgentError, errorMessage, isAgentError } from '../lib/errors.ts';
import { ROOT_GFID, type Gfid } from '../lib/gfid.ts';
import { PID } from '../rpc/credential.ts';
import { BrickUse } from './brick-use.ts';
import type { DisruptionGuard } from './disruption.ts';
import type { HealParts } from './heal-duty.ts';
import { replicaSetOf } from './heal-insight.ts';
import type { HealPeers } from './heal-peers.ts';
import { NameResolver } from './name-resolver.ts';
import { Replacement } from './replacement.ts';
import { Resolver } from './resolver.ts';
import type { SplitBrainWatch } from './split-brain.ts';
import { addToChangelog } from './wire-changelog.ts';

export interface RemedyParts {
  parts: HealParts;
  watch: SplitBrainWatch;
  peers: HealPeers;
  shd: ShdDaemon;
}

export function createResolver({ parts, watch, peers, shd }: RemedyParts): Resolver {
  const { config, worker, brick, clock } = parts;
  const log = parts.log.child({ part: 'split-brain' });
  const others = (brickSetOf(config)?.members ?? []).filter((index) => index !== config.brickIndex);
  const fenced = fenceOf(parts);
  const inUse = new BrickUse(parts.dump, clock);
  const use = async (gfid: Gfid, signal: AbortSignal): Promise<string | undefined> => {
    try {
      return await inUse.of(gfid, signal);
    } catch (error) {
      if (isAgentError(error, 'Aborted')) throw error;
      // What is written is told by its dirty mark, too.
      log.warn({ reason: errorMessage(error) }, 'whether a client has the object open is not known');
      return undefined;
    }
  };
  return new Resolver({
    brickIndex: config.brickIndex,
    others: replicaSetOf(config)?.others ?? [],
    watch,
    names: new NameResolver({
      brickIndex: config.brickIndex,
      watch,
      fenced,
      use,
      own: async (record, gfid, signal) => {
        const { copies, named } = await worker.call('copies', { gfids: [gfid], names: [record] }, { signal });
        return { named: named[0], copy: copies[0] ?? 'gone' };
      },
      unlink: async ({ parent, name }, signal) => {
        const done = await brick.unlink(parent, Buffer.from(name, 'latin1'), { pid: PID.selfHeal, signal });
        if (!done) throw new AgentError('Conflict', 'the brick has no such name any more');
      },
      peer: async (removal, signal) => await peers.removeName(removal, signal),
      log,
    }),
    fenced,
    use,
    counters: async (gfid, signal) => await countersOf(parts, gfid, signal),
    add: async (gfid, child, add, signal) => await addToChangelog(brick, gfid, child, add, signal),
    peer: async (index, change, signal) => await peers.change(index, change, signal),
    crawl: async (signal) => void (await shd.start('index', signal)),
    crawlElsewhere: async (signal) => await peers.crawl(others, signal),
    clock,
    log,
  });
}

export function createReplacement(
  { parts, watch, peers }: RemedyParts,
  disruption: () => DisruptionGuard,
  heal: () => void,
): Replacement | undefined {
  const { config, brick, log } = parts;
  const set = brickSetOf(config);
  if (set === undefined) return undefined;
  return new Replacement({
    brickIndex: config.brickIndex,
    set,
    fenced: fenceOf(parts),
    report: async (signal) => await disruption().report(signal),
    peers: async (signal) => await peers.reports(signal),
    rows: async (gfids, signal) => await watch.rows(gfids, signal),
    counters: async (signal) => await countersOf(parts, ROOT_GFID, signal),
    add: async (child, add, signal) => await addToChangelog(brick, ROOT_GFID, child, add, signal),
    peer: async (index, target, signal) => await peers.mark(index, target, signal),
    heal: async (bricks, signal) => {
      if (bricks.includes(config.brickIndex)) heal();
      const others = bricks.filter((index) => index !== config.brickIndex);
      await peers.startHeals(others, signal);
    },
    log: log.child({ part: 'replacement' }),
  });
}

function fenceOf({ monitor }: HealParts): () => string | undefined {
  return () => (monitor.fence.open ? undefined : monitor.fence.reason);
}

/** The counters of our own copy in hex; undefined: there is none. */
async function countersOf(
  { worker }: HealParts,
  gfid: Gfid,
  signal: AbortSignal,
): Promise<Record<string, string> | undefined> {
  const { copies } = await worker.call('copies', { gfids: [gfid], names: [] }, { signal });
  const [copy] = copies;
  return copy === undefined || typeof copy === 'string' ? undefined : copy.counters;
}
