import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { runProgram } from '../../../src/cli/program.ts';
import { ApiSocket } from '../../support/api-socket.ts';

let api: ApiSocket;

beforeEach(async () => {
  api = await ApiSocket.listen('quota-set');
});
afterEach(async () => await api.close());

async function quota(...args: string[]) {
  const never = (): never => {
    throw new Error('not asked for');
  };
  let out = '';
  const line = (text: string): void => void (out += `${text}\n`);
  const code = await runProgram(['quota', ...args, '--socket-path', api.path], {
    version: '1.2.3',
    output: { line, error: line, raw: line, rawError: line },
    env: {},
    run: never,
    stage: never,
    offline: never,
    support: never,
    diagnose: never,
  });
  return { code, out };
}

describe('brick-agent quota set', () => {
  it('tells the claim that the PV is of, leaves it, or has it forgotten', async () => {
    for (const flags of [[], ['--claim', 'shop/data-db-0'], ['--no-claim']])
      await quota('set', 'pvc-1', '1Gi', ...flags);
    expect(api.services.quotas.calls).toEqual([
      'set pvc-1 1073741824',
      'set pvc-1 1073741824 shop/data-db-0',
      'set pvc-1 1073741824 unclaimed',
    ]);
  });

  it.each(['shop', 'Shop/data', 'shop/data/x', 'shop/da_ta'])(
    'takes %s for no claim, and asks for nothing',
    async (text) => {
      const { code, out } = await quota('set', 'pvc-1', '1Gi', '--claim', text);
      expect([code, api.services.quotas.calls]).toEqual([2, []]);
      expect(out).toContain('Not a claim: ');
    },
  );

  it('is shown with the PV, and in a list where one has any', async () => {
    expect((await quota('get', 'pvc-1')).out).toMatch(/^Claim {7}shop\/data-pvc-1$/m);
    expect((await quota('get', 'pvc-free')).out).not.toContain('Claim');
    expect((await quota('explain', 'pvc-1')).out).toContain(
      'It is of the claim shop/data-pvc-1, as its quota was told.',
    );
    expect((await quota('list')).out).toMatch(/^PV +CLAIM +LIMIT/);
    api.services.quotas.limits.delete('pvc-1');
    expect((await quota('list')).out).toMatch(/^PV +LIMIT/);
  });
});
