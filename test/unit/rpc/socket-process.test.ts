import { renameSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { ProcessIdentity, SocketLook } from '../../../src/process/process-identity.ts';
import { SocketProcess } from '../../../src/rpc/socket-process.ts';
import { FakeGluster, PROGRAMS } from '../../support/fake-gluster.ts';
import { ManualClock } from '../../support/manual-clock.ts';
import { TemporaryDirectory } from '../../support/temporary.ts';
import { dict, opaque, u32, WireReader } from '../../support/wire.ts';

const TERMINATE = 1;
const XLATOR_INFO = 2;
const BRICK = '/srv/brick';

let folder: TemporaryDirectory;
let socketPath: string;
let peer: FakeGluster;
let clock: ManualClock;
/** Seconds that the brick says it counts for. */
let seconds: string;
const { signal } = new AbortController();

beforeEach(async () => {
  folder = new TemporaryDirectory('socket-process');
  socketPath = join(folder.path, 'brick.socket');
  clock = new ManualClock(Date.now());
  seconds = '0';
  peer = await listen();
});
afterEach(async () => {
  await peer.close();
  folder[Symbol.dispose]();
});

async function listen(): Promise<FakeGluster> {
  const fake = await FakeGluster.listen({ path: socketPath });
  fake.onBrick(XLATOR_INFO, (call) => {
    const known = new WireReader(call.args).text() === BRICK;
    const output = opaque(known ? dict({ cumulative: '-1', '-1-duration': seconds }) : '');
    return Buffer.concat([u32(known ? 0 : -1, 0), output, opaque(known ? '' : 'xlator is not loaded')]);
  });
  fake.onBrick(TERMINATE, () => Buffer.concat([u32(0, 0), opaque(''), opaque('')]));
  return fake;
}

function brick(brickName: string | undefined = BRICK): SocketProcess {
  return new SocketProcess({ socketPath, brickName, clock });
}

function identityOf(look: SocketLook): ProcessIdentity {
  if (look.state !== 'answers') throw new Error(`${look.state}: ${look.message}`);
  return look.identity;
}

function terminated(): string[] {
  return peer.callsOf(PROGRAMS.brick, TERMINATE).map(({ args }) => new WireReader(args).text());
}

/** Another process takes the path; the old one does not know. */
async function replace(): Promise<FakeGluster> {
  const old = peer;
  renameSync(socketPath, `${socketPath}.old`);
  peer = await listen();
  return old;
}

describe('a look', () => {
  it('finds the same process again, over whatever connection', async () => {
    const first = identityOf(await brick().look(signal));
    expect(identityOf(await brick().look(signal))).toEqual(first);
    expect(peer.accepted).toBe(2);
  });

  it('finds another one after a restart', async () => {
    const first = identityOf(await brick().look(signal));
    await peer.close();
    expect(await brick().look(signal)).toMatchObject({ state: 'silent' });
    peer = await listen();
    expect(identityOf(await brick().look(signal)).key).not.toBe(first.key);
  });

  it('is not sure of a brick of another name, nor of one that is older than its socket', async () => {
    expect(await brick('/srv/other').look(signal)).toMatchObject({
      state: 'unsure',
      message: expect.stringContaining('not loaded'),
    });
    seconds = '100';
    expect(await brick().look(signal)).toMatchObject({ state: 'unsure', message: expect.stringContaining('younger') });
    await clock.advance(97_000);
    expect(await brick().look(signal)).toMatchObject({ state: 'unsure' });
    await clock.advance(3_000);
    expect(await brick().look(signal)).toMatchObject({ state: 'answers' });
  });

  it('is not sure when the socket changes under its hands', async () => {
    peer.onBrick(XLATOR_INFO, () => {
      renameSync(socketPath, `${socketPath}.old`);
      return Buffer.concat([u32(0, 0), opaque(dict({ cumulative: '-1' })), opaque('')]);
    });
    expect(await brick().look(signal)).toMatchObject({
      state: 'unsure',
      message: 'its socket changed while it was asked',
    });
  });
});

describe('an end', () => {
  it('reaches the process that was found, by each of its names', async () => {
    const identity = identityOf(await brick().look(signal));
    await brick().terminate(identity, ['a-replicate-0', 'a-replicate-1'], signal);
    expect(terminated()).toEqual(['a-replicate-0', 'a-replicate-1']);
  });

  it('does not reach another one that took its place', async () => {
    const identity = identityOf(await brick().look(signal));
    const old = await replace();
    await expect(brick().terminate(identity, [BRICK], signal)).rejects.toMatchObject({ code: 'ProcessUnproven' });
    expect(terminated()).toEqual([]);
    await old.close();
  });
});
