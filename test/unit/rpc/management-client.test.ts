import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { ManagementClient } from '../../../src/rpc/management-client.ts';
import { createShdProof, type ShdProof } from '../../../src/rpc/shd-proof.ts';
import { FakeGluster, PROGRAMS, type FakeAnswer, type FakeCall } from '../../support/fake-gluster.ts';
import { ManualClock } from '../../support/manual-clock.ts';
import { exchange, resultsOf } from '../../support/rpc-vectors.ts';
import { TemporaryDirectory } from '../../support/temporary.ts';
import { dict, opaque, u32, WireReader } from '../../support/wire.ts';

const TERMINATE = 1;
const XLATOR_INFO = 2;
const XLATOR_OP = 3;
const STATUS = 4;
const NODE_STATUS = 8;
const BARRIER = 10;
const BRICK = '/srv/demo';

let folder: TemporaryDirectory;
let path: string;
let peer: FakeGluster;
let clock: ManualClock;
let client: ManagementClient;

beforeEach(async () => {
  folder = new TemporaryDirectory('management');
  path = join(folder.path, 'glusterfsd.socket');
  peer = await FakeGluster.listen({ path });
  clock = new ManualClock();
  client = new ManagementClient({ socketPath: path, clock });
});

afterEach(async () => {
  client.close();
  await peer.close();
  folder[Symbol.dispose]();
});

function failing(code: string, message = ''): unknown {
  return expect.objectContaining({ code, message: expect.stringContaining(message) });
}

/** op_ret, op_errno, output, op_errstr. */
function reply(opRet: number, output: Record<string, string | number> | undefined, text = ''): Buffer {
  return Buffer.concat([u32(opRet, 0), opaque(output === undefined ? '' : dict(output)), opaque(text)]);
}

function question(call: FakeCall | undefined): { name: string; input: Record<string, string> } {
  const reader = new WireReader(call?.args ?? Buffer.alloc(0));
  const name = reader.text();
  reader.u32();
  return { name, input: reader.dict() };
}

function proof(changes: Partial<Parameters<typeof createShdProof>[0]> = {}): ShdProof {
  const facts = { pid: 1, startTicks: 2, socketPath: path, xlators: ['v-replicate-0', 'v-replicate-1'] };
  return createShdProof({ ...facts, provenAt: clock.now(), ...changes });
}

const SET = [{ name: 'v-replicate-0', id: 0 }];

describe('connection', () => {
  it('is made when it is needed, and kept', async () => {
    expect(peer.accepted).toBe(0);
    await Promise.all([client.null(), client.ping(), client.programs()]);
    await client.null();
    expect(peer.accepted).toBe(1);
  });

  it('is made anew after the process was restarted', async () => {
    await client.null();
    await peer.close();
    await expect(client.null()).rejects.toThrow(failing('RpcDisconnected'));
    peer = await FakeGluster.listen({ path });
    await client.null();
  });

  it('fails with the reason when nobody listens, each time', async () => {
    await peer.close();
    await expect(client.null()).rejects.toThrow(failing('RpcDisconnected', 'ENOENT'));
    await expect(client.null()).rejects.toThrow(failing('RpcDisconnected', 'ENOENT'));
  });

  it('is left after a call that was not answered, without hurting the others', async () => {
    const slow: FakeCall[] = [];
    peer.onBrick(STATUS, () => 'silence');
    peer.onBrick(XLATOR_OP, (call) => {
      slow.push(call);
      return 'silence';
    });
    client.close();
    client = new ManagementClient({ socketPath: path, clock, timeoutMs: 40 });
    const count = client.xlatorOp({ op: 'count', xlators: SET });
    await expect(client.memory(BRICK)).rejects.toThrow(failing('Timeout', 'STATUS'));
    await client.null();
    expect(peer.accepted).toBe(2);
    // The count, on the first connection, is still under way and gets its answer.
    const [call] = slow;
    call?.peer.reply(call, reply(0, { '0-0-hardlinks': 3 }));
    await expect(count).resolves.toMatchObject({ children: [{ pending: 3 }] });
    await vi.waitFor(() => expect(peer.peers.size).toBe(1));
  });

  it('close ends what is under way and refuses what comes', async () => {
    peer.onBrick(STATUS, () => 'silence');
    const under = client.memory(BRICK);
    await vi.waitFor(() => expect(peer.callsOf(PROGRAMS.brick, STATUS)).toHaveLength(1));
    client.close();
    await expect(under).rejects.toThrow(failing('RpcDisconnected'));
    await expect(client.null()).rejects.toThrow(failing('RpcDisconnected', 'closed by us'));
  });

  it('close while connecting leaves nothing open', async () => {
    const under = client.null();
    client.close();
    await expect(under).rejects.toThrow(failing('RpcDisconnected'));
    await vi.waitFor(() => expect(peer.peers.size).toBe(0));
  });

  it('can be given up', async () => {
    peer.onBrick(STATUS, () => 'silence');
    const abort = new AbortController();
    const under = client.memory(BRICK, abort.signal);
    await vi.waitFor(() => expect(peer.callsOf(PROGRAMS.brick, STATUS)).toHaveLength(1));
    abort.abort();
    await expect(under).rejects.toThrow(failing('Aborted'));
    await expect(client.null(abort.signal)).rejects.toThrow(failing('Aborted'));
    await client.null();
  });
});

describe('status', () => {
  it.each([
    ['clients', 2],
    ['memory', 1],
    ['inodes', 4],
    ['calls', 16],
  ] as const)('%s asks for %d and names the brick: without it there is no answer ever', async (method, cmd) => {
    peer.onBrick(STATUS, () => reply(0, {}));
    await client[method](BRICK);
    const [call] = peer.callsOf(PROGRAMS.brick, STATUS);
    expect(question(call).input).toStrictEqual({ cmd: String(cmd), 'brick-name': BRICK });
  });

  it('clients of a real brick', async () => {
    peer.onBrick(STATUS, () => resultsOf(exchange('status-clients')));
    await expect(client.clients(BRICK)).resolves.toStrictEqual([
      { address: '127.0.0.1:55870', name: 'sidecar', opVersion: 100_000, bytesRead: 4612n, bytesWritten: 9480n },
    ]);
  });

  it('nobody connected is no failure', async () => {
    peer.onBrick(STATUS, () => resultsOf(exchange('status-clients-none')));
    await expect(client.clients(BRICK)).resolves.toStrictEqual([]);
  });

  it('a failure with a reason is one', async () => {
    peer.onBrick(STATUS, () => resultsOf(exchange('status-unknown-cmd')));
    await expect(client.clients(BRICK)).rejects.toThrow(failing('GlusterError', 'Unknown status op'));
  });

  it('a brick that the process does not have is refused without a body', async () => {
    peer.onBrick(STATUS, () => resultsOf(exchange('status-bad-brick')));
    await expect(client.inodes('/nope')).rejects.toMatchObject({
      code: 'RpcRejected',
      details: { reason: 'EMPTY_REPLY' },
    });
  });

  it('inodes of a real brick', async () => {
    peer.onBrick(STATUS, () => resultsOf(exchange('status-inode')));
    await expect(client.inodes(BRICK)).resolves.toStrictEqual({
      tables: [{ active: 2, lru: 1, purge: 0, lruLimit: 16_384 }],
    });
  });

  it('a heal daemon is asked by volume', async () => {
    peer.onBrick(NODE_STATUS, () => reply(0, { 'mallinfo.arena': 42 }));
    const memory = await client.nodeMemory('v');
    expect(memory.mallinfo.get('arena')).toBe(42n);
    const [call] = peer.callsOf(PROGRAMS.brick, NODE_STATUS);
    expect(question(call).input).toStrictEqual({ cmd: String(0x1001), volname: 'v' });
  });
});

describe('profile', () => {
  it('is peeked at, so that nobody’s interval is reset', async () => {
    peer.onBrick(XLATOR_INFO, () => resultsOf(exchange('info-peek')));
    await client.xlatorInfo(BRICK);
    const [call] = peer.callsOf(PROGRAMS.brick, XLATOR_INFO);
    expect(question(call)).toMatchObject({ name: BRICK, input: { peek: 'on' } });
  });

  it('of an unknown brick says so', async () => {
    peer.onBrick(XLATOR_INFO, () => resultsOf(exchange('info-bad-name')));
    await expect(client.xlatorInfo('/nope')).rejects.toThrow(failing('GlusterError', 'xlator /nope is not loaded'));
  });
});

describe('heal operations', () => {
  const sent = (): FakeCall[] => peer.callsOf(PROGRAMS.brick, XLATOR_OP);

  beforeEach(() => {
    peer.onBrick(XLATOR_OP, () => resultsOf(exchange('shd-heal-index')));
  });

  it.each([
    ['index-heal', '1'],
    ['full-heal', '2'],
    ['statistics', '7'],
  ] as const)('%s goes out with a proof', async (op, number) => {
    await client.xlatorOp({ op, xlators: SET, proof: proof() });
    expect(question(sent()[0]).input).toStrictEqual({
      'xl-op': number,
      count: '1',
      'xl-0': 'v-replicate-0',
      'v-replicate-0': '0',
    });
  });

  it('count needs none: it harms no process', async () => {
    peer.onBrick(XLATOR_OP, () => resultsOf(exchange('shd-heal-count')));
    const { children } = await client.xlatorOp({ op: 'count', xlators: SET });
    expect(children.map(({ child, pending }) => [child, pending])).toStrictEqual([
      [0, 0],
      [1, 0],
      [2, 0],
    ]);
  });

  it.each([
    ['of another socket', { socketPath: '/run/other.socket' }],
    ['of a daemon without that translator', { xlators: ['w-replicate-0'] }],
    ['that is old', { provenAt: 1_700_000_000_000 - 60_000 }],
    ['from the future', { provenAt: 1_700_000_000_000 + 60_000 }],
  ])('a proof %s sends nothing', async (_, changes) => {
    for (const op of ['index-heal', 'full-heal', 'statistics'] as const) {
      await expect(client.xlatorOp({ op, xlators: SET, proof: proof(changes) })).rejects.toThrow(
        failing('ProcessUnproven'),
      );
    }
    expect(sent()).toHaveLength(0);
  });

  it('a proof that grew old while connecting took its time sends nothing', async () => {
    const request = client.xlatorOp({ op: 'index-heal', xlators: SET, proof: proof() });
    void clock.advance(60_000);
    await expect(request).rejects.toThrow(failing('ProcessUnproven'));
    expect(sent()).toHaveLength(0);
  });

  it('goes over a connection made after the proof: an older one may lead to another process', async () => {
    await client.null();
    await client.xlatorOp({ op: 'index-heal', xlators: SET, proof: proof() });
    expect(peer.accepted).toBe(2);
    expect(sent()[0]?.peer).not.toBe(peer.calls[0]?.peer);
    await vi.waitFor(() => expect(peer.peers.size).toBe(1));
  });

  it.each([
    ['none', []],
    ['the same twice', [...SET, ...SET]],
    ['one named like a key of the request', [{ name: 'xl-op', id: 0 }]],
    ['one named like another key of the request', [{ name: 'count', id: 0 }]],
    ['two with the same id', [...SET, { name: 'v-replicate-1', id: 0 }]],
  ])('translators: %s is refused before anything is sent', async (_, xlators) => {
    await expect(client.xlatorOp({ op: 'count', xlators })).rejects.toThrow(failing('BadRequest'));
    expect(peer.accepted).toBe(0);
  });

  it('is judged by the children, not by op_ret', async () => {
    const statuses = { '0-0-status': 'Started self-heal', '0-1-status': 'Brick is not connected' };
    peer.onBrick(XLATOR_OP, () => reply(-1, statuses));
    const result = await client.xlatorOp({ op: 'index-heal', xlators: SET, proof: proof() });
    expect(result).toMatchObject({
      opRet: -1,
      children: [
        { xlator: 'v-replicate-0', child: 0, status: 'Started self-heal' },
        { xlator: 'v-replicate-0', child: 1, status: 'Brick is not connected' },
      ],
    });
  });

  it('an empty answer is an answer: nothing happened', async () => {
    peer.onBrick(XLATOR_OP, () => reply(0, {}));
    await expect(client.xlatorOp({ op: 'index-heal', xlators: SET, proof: proof() })).resolves.toStrictEqual({
      opRet: 0,
      errorText: '',
      children: [],
    });
  });
});

describe('commands', () => {
  it.each(['enable', 'disable'] as const)('barrier %s', async (mode) => {
    peer.onBrick(BARRIER, () => reply(0, undefined));
    await client.barrier(BRICK, mode);
    expect(question(peer.callsOf(PROGRAMS.brick, BARRIER)[0])).toStrictEqual({ name: BRICK, input: { barrier: mode } });
  });

  it('a barrier that is on already is refused with the process’s words', async () => {
    peer.onBrick(BARRIER, () => reply(-1, undefined, 'Failed to reconfigure barrier.'));
    await expect(client.barrier(BRICK, 'enable')).rejects.toThrow(failing('GlusterError', 'Failed to reconfigure'));
  });

  it('terminate names the brick', async () => {
    peer.onBrick(TERMINATE, (): FakeAnswer => reply(0, {}));
    await client.terminate(BRICK);
    expect(question(peer.callsOf(PROGRAMS.brick, TERMINATE)[0])).toStrictEqual({ name: BRICK, input: {} });
  });
});
