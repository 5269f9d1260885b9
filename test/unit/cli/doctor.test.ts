import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { DoctorView } from '../../../src/agent/http/doctor-schema.ts';
import { runProgram } from '../../../src/cli/program.ts';
import { ApiSocket } from '../../support/api-socket.ts';

const HEALTHY: DoctorView = { source: 'Offline', at: '2026-01-02T03:04:05.000Z', findings: [], checks: [] };

let api: ApiSocket;

beforeEach(async () => {
  api = await ApiSocket.listen('doctor');
});
afterEach(async () => await api.close());

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
    const { code, out, downs } = await doctor(api.path);
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
    const [finding] = api.services.diagnosis.findings;
    if (finding === undefined) throw new TypeError('no finding to change');
    api.services.diagnosis.findings = severities.map((severity) => ({ ...finding, severity }));
    expect((await doctor(api.path)).code).toBe(exit);
  });

  it('ends with 2 when it is used wrongly', async () => {
    expect((await doctor(api.path, '--nothing')).code).toBe(2);
  });

  it('lets no control character of a name reach the terminal', async () => {
    api.services.diagnosis.findings[0]?.evidence.push('pvc-\u001b[2J: in words');
    const { out } = await doctor(api.path);
    expect(out).toContain('pvc-\u{fffd}[2J: in words');
  });

  it('looks by itself where no agent answers, with the configuration that was typed', async () => {
    const { code, out, downs } = await doctor(`${api.directory}/none`, '--volume', 'pool1');
    expect(downs).toEqual([expect.stringContaining('no such socket'), 'pool1']);
    expect(out).toContain('No agent answers: this was looked at without it.');
    expect(code).toBe(0);
    expect(JSON.parse((await doctor(`${api.directory}/none`, '-o', 'json')).out)).toEqual(HEALTHY);
  });

  it('believes an agent that refuses, and does not look behind its back', async () => {
    api.services.doctorFailure = new Error('a bug');
    const { code, out, downs } = await doctor(api.path);
    expect([code, downs]).toEqual([3, []]);
    expect(out).toContain('Internal');
  });
});
