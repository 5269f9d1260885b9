/** Certificates in files: what is taken, what is refused, and that a renewal needs no restart. */
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { TlsKeeper, type TlsStatus } from '../../../../src/agent/tls/keeper.ts';
import { systemClock } from '../../../../src/lib/clock.ts';
import type { Log } from '../../../../src/lib/log.ts';
import { Authority, MountedSecret, skipsOpenssl, type Pair } from '../../../support/certificates.ts';
import { TemporaryDirectory } from '../../../support/temporary.ts';

const DAY_MS = 86_400_000;
const never = new AbortController().signal;

describe.skipIf(skipsOpenssl)('the TLS files', () => {
  let directory: TemporaryDirectory;
  let authority: Authority;
  let pair: Pair;
  let other: Pair;
  let expired: Pair;
  let lines: [level: string, message: string, fields: object][];
  let log: Log;

  beforeAll(() => {
    directory = new TemporaryDirectory('tls');
    authority = new Authority(directory.path, 'ca');
    pair = authority.issue();
    other = authority.issue({ days: 50 });
    expired = authority.issue({ days: -1 });
  });
  afterAll(() => directory[Symbol.dispose]());
  beforeEach(() => {
    lines = [];
    const at = (level: string) => (fields: object, message: string) => void lines.push([level, message, fields]);
    log = { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') };
  });

  let secrets = 0;
  function secretOf(files: Record<string, string> = {}): MountedSecret {
    secrets += 1;
    const all = { 'tls.crt': pair.cert, 'tls.key': pair.key, 'ca.crt': authority.cert, ...files };
    return new MountedSecret(`${directory.path}/secret-${secrets}`, all);
  }

  async function load(secret: MountedSecret): Promise<TlsKeeper> {
    const files = {
      apiTlsCertFile: secret.path('tls.crt'),
      apiTlsKeyFile: secret.path('tls.key'),
      apiTlsClientCaFile: secret.path('ca.crt'),
      peerCaFile: secret.path('ca.crt'),
    };
    return await TlsKeeper.load({ files, clock: systemClock, log });
  }

  function daysLeft(status: TlsStatus): Record<string, number> {
    const days = (at: number): number => Math.round((at - Date.now()) / DAY_MS);
    return Object.fromEntries([...status.notAfter].map(([use, at]) => [use, days(at)]));
  }

  it('are taken with their ends: of a chain the first, of authorities the last', async () => {
    const young = new Authority(directory.mkdir('young'), 'young');
    const short = young.issue({ days: 3 });
    const secret = secretOf({ 'tls.crt': `${pair.cert}\n${short.cert}`, 'ca.crt': authority.cert + short.cert });
    const keeper = await load(secret);
    expect(daysLeft(keeper.status())).toEqual({ api: 3, 'client-ca': 60, 'peer-ca': 60 });
    expect(keeper.status().refusal).toBeUndefined();
    expect(keeper.asksClients).toBe(true);
    expect(lines).toEqual([]);
  });

  it.each<[string, () => Record<string, string>, RegExp]>([
    ['an empty certificate', () => ({ 'tls.crt': '' }), /^apiTlsCertFile \S+: holds no certificate in PEM form/],
    ['the two exchanged', () => ({ 'tls.crt': pair.key, 'tls.key': pair.cert }), /^apiTlsCertFile \S+: holds no cert/],
    ['a certificate cut off', () => ({ 'tls.crt': pair.cert.slice(0, 300) }), /^apiTlsCertFile \S+: holds no cert/],
    [
      'a certificate that is garbage',
      () => ({ 'tls.crt': `${pair.cert}${pair.cert.replace(/\n\w{8}/, '\nAAAAAAAA')}` }),
      /^apiTlsCertFile \S+: certificate 2 of 2 cannot be read/,
    ],
    ['no key', () => ({ 'tls.key': 'no key' }), /^apiTlsKeyFile \S+: holds no private key in PEM form/],
    [
      'a key with a passphrase',
      () => ({ 'tls.key': pair.key.replaceAll('PRIVATE', 'ENCRYPTED PRIVATE') }),
      /^apiTlsKeyFile \S+: the key has a passphrase; give one without/,
    ],
    ['the key of another', () => ({ 'tls.key': other.key }), /^apiTlsKeyFile \S+: is not the key of the first cert/],
    ['no authority', () => ({ 'ca.crt': 'nothing' }), /^apiTlsClientCaFile \S+: holds no certificate/],
    ['a file that is huge', () => ({ 'ca.crt': 'x'.repeat(2 ** 20 + 1) }), /^apiTlsClientCaFile .*larger than 1048576/],
  ])('are refused with %s, without a word of what is in them', async (_what, files, message) => {
    const keeper = load(secretOf(files()));
    await expect(keeper).rejects.toMatchObject({ code: 'ConfigInvalid', message: expect.stringMatching(message) });
    const said = await keeper.catch((error: unknown) => String(error));
    expect(said).not.toContain(pair.key.split('\n')[1]);
  });

  it('are named when they cannot be read', async () => {
    const files = { apiTlsCertFile: `${directory.path}/none.crt`, apiTlsKeyFile: `${directory.path}/none.key` };
    const message = `apiTlsCertFile ${directory.path}/none.crt: cannot be read (ENOENT)`;
    await expect(TlsKeeper.load({ files, clock: systemClock, log })).rejects.toThrow(message);
  });

  it('are taken although they have expired, since limits need no certificate, and it is said', async () => {
    const keeper = await load(secretOf({ 'tls.crt': expired.cert, 'tls.key': expired.key }));
    expect(daysLeft(keeper.status())).toMatchObject({ api: -1 });
    expect(lines).toMatchObject([['error', expect.stringContaining('has expired'), {}]]);
  });

  it('come into force when they change, once', async () => {
    const secret = secretOf();
    const keeper = await load(secret);
    let changes = 0;
    keeper.onChange(() => (changes += 1));
    const { client, server } = keeper;
    await keeper.pass(never);
    expect([changes, keeper.client, keeper.server]).toEqual([0, client, server]);
    secret.swap({ 'tls.crt': other.cert, 'tls.key': other.key, 'ca.crt': authority.cert });
    await keeper.pass(never);
    await keeper.pass(never);
    expect(changes).toBe(1);
    expect(keeper.server.cert).toBe(other.cert);
    expect(keeper.client).not.toBe(client);
    expect(daysLeft(keeper.status())).toMatchObject({ api: 50 });
    expect(lines.map(([level, message]) => [level, message])).toEqual([['info', 'new TLS files are in force']]);
  });

  it.each<[string, () => Record<string, string>, RegExp]>([
    ['a mismatch', () => ({ 'tls.crt': other.cert, 'tls.key': pair.key }), /is not the key of the first certificate/],
    ['garbage', () => ({ 'tls.crt': 'garbage', 'tls.key': pair.key }), /holds no certificate/],
    ['one that has expired', () => ({ 'tls.crt': expired.cert, 'tls.key': expired.key }), /has expired at 20/],
    ['nothing', () => ({}), /apiTlsCertFile \S+: cannot be read \(ENOENT\)/],
  ])('are refused when they change to %s: the old stay in force, and it is said once', async (_what, files, reason) => {
    const secret = secretOf();
    const keeper = await load(secret);
    let changes = 0;
    keeper.onChange(() => (changes += 1));
    secret.swap({ 'ca.crt': authority.cert, ...files() });
    for (let n = 0; n < 3; n += 1) await keeper.pass(never);
    expect(keeper.status().refusal).toMatch(reason);
    expect([changes, keeper.server.cert]).toEqual([0, pair.cert]);
    expect(lines).toMatchObject([['error', expect.stringContaining('refused'), { reason: keeper.status().refusal }]]);
    // Taken back, or put right: both end it.
    secret.swap({ 'tls.crt': pair.cert, 'tls.key': pair.key, 'ca.crt': authority.cert });
    await keeper.pass(never);
    expect([changes, keeper.status().refusal]).toEqual([0, undefined]);
    secret.swap({ 'tls.crt': other.cert, 'tls.key': other.key, 'ca.crt': authority.cert });
    await keeper.pass(never);
    expect([changes, keeper.status().refusal]).toEqual([1, undefined]);
  });

  it('may go from one that has expired to another that has', async () => {
    const secret = secretOf({ 'tls.crt': expired.cert, 'tls.key': expired.key });
    const keeper = await load(secret);
    const again = authority.issue({ days: -1 });
    secret.swap({ 'tls.crt': again.cert, 'tls.key': again.key, 'ca.crt': authority.cert });
    await keeper.pass(never);
    expect([keeper.status().refusal, keeper.server.cert]).toEqual([undefined, again.cert]);
  });

  it('end a look with the agent', async () => {
    const keeper = await load(secretOf());
    await expect(keeper.pass(AbortSignal.abort())).rejects.toMatchObject({ code: 'Aborted' });
    expect(keeper.status().refusal).toBeUndefined();
  });
});
