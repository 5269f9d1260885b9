import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createApiServer } from '../../../src/agent/http/api-server.ts';
import type { DoctorView } from '../../../src/agent/http/doctor-schema.ts';
import { SocketClaim } from '../../../src/agent/http/socket-claim.ts';
import type { Server } from '../../../src/agent/http/server.ts';
import { runProgram } from '../../../src/cli/program.ts';
import { FakeServices, silentPino } from '../../support/fake-api.ts';
import { TemporaryDirectory } from '../../support/temporary.ts';

const HEALTHY: DoctorView = { source: 'Offline', at: '2026-01-02T03:04:05.000Z', findings: [], checks: [] };

let directory: TemporaryDirectory;
let server: Server;
let services: FakeServices;
let socketPath: string;

beforeEach(async () => {
  directory = new TemporaryDirectory('doctor');
  socketPath = `${directory.path}/agent.sock`;
  services = new FakeServices();
  const claim = await SocketClaim.bind('socketPath', socketPath);
  server = await createApiServer({ services, log: silentPino, version: '1.2.3', token: undefined, claim });
});
afterEach(async () => {
  await server.close();
  directory[Symbol.dispose]();
});

async function doctor(socket: string, ...args: string[]) {
  const ran = { code: 0, out: '', downs: [] as string[] };
  const never = (): never => {
    throw new Error('not asked for');
  };
  ran.code = await runProgram(['doctor', '--socket-path', socket, ...args], {
    version: '1.2.3',
    output: {
      line: (text) => void (ran.out += `${text}\n`),
      error: (text) => void (ran.out += `${text}\n`),
      raw: (text) => void (ran.out += text),
      rawError: (text) => void (ran.out += text),
    },
    env: {},
    run: never,
    stage: never,
    offline: never,
    support: never,
    diagnose: async (flags, _file, down) => {
      ran.downs.push(down, flags['volume'] ?? '');
      return await Promise.resolve(HEALTHY);
    },
  });
  return ran;
}

describe('brick-agent doctor', () => {
  it('prints causes with evidence and remedy, and what was not checked', async () => {
    const { code, out, downs } = await doctor(socketPath);
    expect(out).toBe(`1. error the brick process does not run (brick-process, ProcessDown)
   seen: pid file /run/brick.pid: NotRunning
   do:   start it

Not checked:
   peers: nobody asked

0 of 1 checks are fine, 1 could not be made: 1 to see to.
`);
    expect([code, downs]).toEqual([3, []]);
  });

  it.each([
    [[], 0],
    [['info'], 0],
    [['info', 'warning'], 1],
    [['warning', 'error', 'info'], 3],
  ] as const)('ends by the worst finding: %s is %s', async (severities, exit) => {
    const [finding] = services.diagnosis.findings;
    if (finding === undefined) throw new TypeError('no finding to change');
    services.diagnosis.findings = severities.map((severity) => ({ ...finding, severity }));
    expect((await doctor(socketPath)).code).toBe(exit);
  });

  it('ends with 2 when it is used wrongly', async () => {
    expect((await doctor(socketPath, '--nothing')).code).toBe(2);
  });

  it('lets no control character of a name reach the terminal', async () => {
    services.diagnosis.findings[0]?.evidence.push('pvc-\u001b[2J: in words');
    const { out } = await doctor(socketPath);
    expect(out).toContain('pvc-\u{fffd}[2J: in words');
  });

  it('looks by itself where no agent answers, with the configuration that was typed', async () => {
    const { code, out, downs } = await doctor(`${directory.path}/none`, '--volume', 'pool1');
    expect(downs).toEqual([expect.stringContaining('no such socket'), 'pool1']);
    expect(out).toContain('No agent answers: this was looked at without it.');
    expect(code).toBe(0);
    expect(JSON.parse((await doctor(`${directory.path}/none`, '-o', 'json')).out)).toEqual(HEALTHY);
  });

  it('believes an agent that refuses, and does not look behind its back', async () => {
    services.doctorFailure = new Error('a bug');
    const { code, out, downs } = await doctor(socketPath);
    expect([code, downs]).toEqual([3, []]);
    expect(out).toContain('Internal');
  });
});
