import { describe, expect, it } from 'vitest';
import { healSets, indexFacts } from '../../../src/volfile/facts.ts';
import { lintVolfile, MAX_FINDINGS, RULES } from '../../../src/volfile/lint/lint.ts';
import type { LintContext } from '../../../src/volfile/lint/rule.ts';
import { neighboursOf, withNeighbours } from '../../../src/volfile/neighbours.ts';
import { MAX_VOLFILE_BYTES } from '../../../src/volfile/parse.ts';
import { formatProblem, hasErrors } from '../../../src/volfile/problem.ts';
import { BRICK_CONTEXT, BRICK_PATH, CLIENT_CONTEXT, edit, graphOf, lintIds, sample, SHD_CONTEXT } from './samples.ts';

const BRICK = sample('replica-brick.vol');
const SHD = sample('replica-shd.vol');
const CLIENT = sample('client.vol');
const DISPERSE_SHD = sample('disperse-shd.vol');
const DISPERSE_BRICK = sample('disperse-brick.vol');

/** The first two bricks change places. */
function otherwise(shd: string): string {
  return edit(shd, /(\w+-client-0) (\w+-client-1)/, '$2 $1');
}

/** The third part of each row makes a good file bad in one way only. */
type Row = [id: string, what: string, bad: string, context?: Partial<LintContext>];

const option = (after: string, line: string): string => edit(BRICK, after, `${after}\n    ${line}`);

/** @param watch beginnings of the names that it notes */
function brickAt(watch: string[]) {
  return { name: BRICK_PATH, listenPort: 24_007, watch };
}

const BRICK_ROWS: Row[] = [
  [
    'VF135',
    'names that are not watched',
    edit(BRICK, 'trusted.afr.vol1-', 'trusted.afr.vol2-'),
    { expected: { clients: [healSets(graphOf(SHD))] } },
  ],
  ['VF010', 'an option twice', option('thread-count 16', 'option thread-count 8')],
  ['VF011', 'a volume nobody uses', `volume x\n type debug/trace\n option k v\nend-volume\n${BRICK}`],
  [
    'VF012',
    'a volume with two parents',
    edit(BRICK, 'subvolumes vol1-access-control', 'subvolumes vol1-access-control vol1-posix'),
  ],
  ['VF013', 'a subvolume named twice', edit(BRICK, 'subvolumes vol1-posix', 'subvolumes vol1-posix vol1-posix')],
  ['VF014', 'a type that leaves the directory', edit(BRICK, 'features/locks', '../../tmp/evil')],
  ['VF015', 'a type that is not installed', BRICK, { xlators: new Set(['storage/posix']) }],
  ['VF015', 'simple-quota on 10', BRICK, { gluster: '10' }],
  ['VF016', "a client's file", sample('client.vol')],
  ['VF101', 'no auth-path', edit(BRICK, `option auth-path ${BRICK_PATH}`, 'option trace off')],
  ['VF102', 'the auth-path of another', edit(BRICK, `option auth-path ${BRICK_PATH}`, 'option auth-path /other')],
  ['VF103', 'no rule of access', edit(BRICK, `auth.addr.${BRICK_PATH}.allow`, 'auth.addr./other.allow')],
  ['VF104', 'another brick name', BRICK, { expected: { brickName: '/bricks/other' } }],
  ['VF105', 'another port', edit(BRICK, 'listen-port 24007', 'listen-port 24008')],
  ['VF106', 'high ports refused', option('transport-type tcp', 'option rpc-auth-allow-insecure off')],
  ['VF107', 'open to all', edit(BRICK, '.allow 10.0.0.0/8', '.allow *')],
  ['VF108', 'volfiles handed out', option('transport-type tcp', 'option volspec-directory /v')],
  ['VF120', 'another directory', edit(BRICK, `directory ${BRICK_PATH}`, 'directory /bricks/vol2/data/brick')],
  ['VF120', 'no directory', edit(BRICK, `option directory ${BRICK_PATH}`, '')],
  ['VF121', 'another volume', edit(BRICK, '6f1d2c3b', '6f1d2c3c')],
  ['VF122', 'no volume-id', edit(BRICK, /option volume-id .*\n/, '\n')],
  ['VF123', 'no health check', option(`directory ${BRICK_PATH}`, 'option health-check-interval 0')],
  ['VF124', 'no reserve', option(`directory ${BRICK_PATH}`, 'option reserve 0%')],
  ['VF125', 'no gfid2path', option(`directory ${BRICK_PATH}`, 'option gfid2path off')],
  [
    'VF126',
    'a changelog elsewhere',
    edit(
      BRICK,
      'volume vol1-access-control\n',
      'volume c\n type features/changelog\n option changelog-brick /x\n subvolumes vol1-posix\nend-volume\nvolume vol1-access-control\n',
    ).replace(
      'type features/access-control\n    subvolumes vol1-posix',
      'type features/access-control\n    subvolumes c',
    ),
  ],
  ['VF128', 'a changelog without its paths', edit(BRICK, 'type features/access-control', 'type features/changelog')],
  ['VF127', 'read-only', edit(BRICK, 'type features/access-control', 'type features/read-only\n option read-only on')],
  ['VF130', 'no index', edit(BRICK, 'type features/index', 'type features/upcall')],
  ['VF131', 'no watchlist', edit(edit(BRICK, /option xattrop-dirty.*\n/, '\n'), /option xattrop-pending.*\n/, '\n')],
  ['VF132', 'no index-base', edit(BRICK, /option index-base.*\n/, '\n')],
  ['VF132', 'an index of another brick', edit(BRICK, `index-base ${BRICK_PATH}`, `index-base ${BRICK_PATH}2`)],
  ['VF133', 'no locks', edit(BRICK, 'type features/locks', 'type features/upcall')],
  [
    'VF134',
    'no io-threads',
    edit(edit(BRICK, 'performance/io-threads', 'features/upcall'), /option thread-count.*\n/, '\n'),
  ],
  ['VF140', 'no quota', edit(edit(BRICK, 'features/simple-quota', 'features/upcall'), /option pass-through.*\n/, '\n')],
  ['VF141', 'quota passed through by default', edit(BRICK, 'option pass-through false', '')],
  ['VF142', 'quota commands for all', option('option pass-through false', 'option cmd-from-all-client on')],
  ['VF150', 'no counters', edit(BRICK, 'option count-fop-hits on', 'option count-fop-hits off')],
  ['VF301', 'a word for a number', edit(BRICK, 'thread-count 16', 'thread-count many')],
  ['VF302', 'too many threads', edit(BRICK, 'thread-count 16', 'thread-count 9999')],
  ['VF303', 'a misspelt option', edit(BRICK, 'thread-count 16', 'tread-count 16')],
];

const SHD_ROWS: Row[] = [
  ['VF016', "a brick's file", BRICK],
  ['VF201', 'no daemon', edit(SHD, 'option iam-self-heal-daemon yes', '')],
  ['VF202', 'no entry heal', edit(SHD, 'option entry-self-heal on', '')],
  ['VF202', 'data heal off', edit(SHD, 'option data-self-heal on', 'option data-self-heal off')],
  [
    'VF203',
    'healing off',
    edit(SHD, 'option iam-self-heal-daemon yes', 'option iam-self-heal-daemon yes\n option self-heal-daemon off'),
  ],
  [
    'VF204',
    'one replica',
    edit(
      edit(SHD, 'subvolumes vol1-client-0 vol1-client-1 vol1-client-2', 'subvolumes vol1-client-0'),
      /option afr-pending.*\n/,
      '\n',
    ),
  ],
  ['VF204', 'too much redundancy', edit(DISPERSE_SHD, 'redundancy 1', 'redundancy 2')],
  ['VF204', 'no redundancy', edit(DISPERSE_SHD, 'option redundancy 1', '')],
  ['VF205', 'pending names', edit(SHD, 'vol1-client-0,vol1-client-1,vol1-client-2', 'vol1-client-0,vol1-client-1')],
  [
    'VF206',
    'distribute',
    edit(SHD, 'volume glustershd\n    type debug/io-stats', 'volume glustershd\n    type cluster/distribute'),
  ],
  ['VF207', 'no host', edit(SHD, 'option remote-host server-vol1-0-0.vol1', '')],
  ['VF208', 'no port', edit(SHD, 'option remote-port 24007', '')],
  ['VF209', 'a brick twice', edit(SHD, 'server-vol1-1-0.vol1', 'Server-vol1-0-0.vol1')],
  ['VF210', 'a port of no brick', SHD, { expected: { bricks: [{ name: BRICK_PATH, listenPort: 24_008 }] } }],
  ['VF212', 'names that no brick notes', SHD, { expected: { bricks: [brickAt(['trusted.afr.pool-'])] } }],
  ['VF212', 'a brick that notes nothing', SHD, { expected: { bricks: [brickAt([])] } }],
  ['VF215', 'bricks under other names', SHD, { expected: { clients: [healSets(graphOf(otherwise(SHD)))] } }],
  [
    'VF213',
    'one port for two bricks',
    edit(
      edit(SHD, 'server-vol1-1-0.vol1', 'server-vol1-0-0.vol1'),
      `remote-subvolume ${BRICK_PATH}`,
      'remote-subvolume /bricks/other',
    ),
  ],
  [
    'VF214',
    'too many pending names',
    edit(SHD, 'vol1-client-0,vol1-client-1,vol1-client-2', 'vol1-client-0,vol1-client-1,vol1-client-2,vol1-client-9'),
  ],
  ['VF301', 'a host with a port', edit(SHD, 'server-vol1-1-0.vol1', 'server-vol1-1-0.vol1:24007')],
  ['VF211', 'not its own brick', SHD, { expected: { brickName: '/bricks/elsewhere' } }],
];

const CLIENT_ROWS: Row[] = [
  ['VF016', "a brick's file", BRICK],
  ['VF016', 'no brick named', edit(CLIENT, /type protocol\/client/g, 'type features/upcall')],
  ['VF204', 'one replica', edit(CLIENT, 'subvolumes vol1-client-0 vol1-client-1', 'subvolumes vol1-client-0')],
  ['VF205', 'pending names', edit(CLIENT, 'cluster/replicate', 'cluster/replicate\n option afr-pending-xattr a')],
  ['VF212', 'names of its own', CLIENT, { expected: { bricks: [brickAt(['trusted.afr.pool-'])] } }],
  ['VF207', 'no brick', edit(CLIENT, `option remote-subvolume ${BRICK_PATH}`, '')],
  ['VF208', 'no port', edit(CLIENT, 'option remote-port 24007', '')],
  ['VF209', 'a brick twice', edit(CLIENT, 'host-1', 'host-0')],
  [
    'VF209',
    'a brick twice, distributed',
    edit(CLIENT, 'host-1', 'host-0').replace('cluster/replicate', 'cluster/distribute'),
  ],
  ['VF210', 'a port of no brick', CLIENT, { expected: { bricks: [{ name: BRICK_PATH, listenPort: 24_008 }] } }],
  ['VF211', 'not the brick that hands it out', CLIENT, { expected: { brickName: '/bricks/elsewhere' } }],
];

describe('lintVolfile', () => {
  it.each([
    ['replica-brick.vol', BRICK_CONTEXT],
    ['arbiter-brick.vol', { ...BRICK_CONTEXT, expected: {} }],
    ['disperse-brick.vol', { ...BRICK_CONTEXT, expected: {} }],
    ['replica-shd.vol', SHD_CONTEXT],
    ['arbiter-shd.vol', SHD_CONTEXT],
    ['disperse-shd.vol', SHD_CONTEXT],
    ['client.vol', CLIENT_CONTEXT],
  ])('finds nothing in %s', (name, context) => {
    expect(lintVolfile(Buffer.from(sample(name)), context).problems.filter(({ id }) => id !== 'VF150')).toEqual([]);
  });

  it("finds no error in Kadalu's brick, which works", () => {
    const { problems } = lintVolfile(Buffer.from(sample('kadalu-brick.vol')), { ...BRICK_CONTEXT, expected: {} });
    expect(hasErrors(problems)).toBe(false);
    expect(problems.map(({ id }) => id)).toEqual(['VF142', 'VF150', 'VF107', 'VF108']);
  });

  it.each(BRICK_ROWS)('%s: %s', (id, _what, bad, context = {}) => {
    expect(lintIds(bad, { ...BRICK_CONTEXT, ...context })).toContain(id);
    expect(lintIds(BRICK, BRICK_CONTEXT)).not.toContain(id);
  });

  it.each(SHD_ROWS)('%s in a daemon: %s', (id, _what, bad, context = {}) => {
    expect(lintIds(bad, { ...SHD_CONTEXT, ...context })).toContain(id);
    expect(lintIds(SHD, SHD_CONTEXT)).not.toContain(id);
  });

  it.each(CLIENT_ROWS)('%s in a client: %s', (id, _what, bad, context = {}) => {
    expect(lintIds(bad, { ...CLIENT_CONTEXT, ...context })).toContain(id);
    expect(lintIds(CLIENT, CLIENT_CONTEXT)).not.toContain(id);
  });

  it('takes a port that fits one of several bricks of a name, and bricks of other volumes, for fine', () => {
    const ported = edit(CLIENT, 'remote-port 24007', 'remote-port 24008');
    const bricks = [24_007, 24_008].map((listenPort) => ({ name: BRICK_PATH, listenPort }));
    bricks.push({ name: '/bricks/other', listenPort: 1 });
    expect(lintIds(ported, { ...CLIENT_CONTEXT, expected: { bricks } })).toEqual([]);
  });

  it.each<[string, string[], boolean]>([
    ['a beginning', ['trusted.afr.vol1'], true],
    ['one of several', ['trusted.afr.pool-', 'trusted.afr.vol1-'], true],
    ['the names themselves', [0, 1, 2].map((index) => `trusted.afr.vol1-client-${index}`), true],
    ['some of the names', ['trusted.afr.vol1-client-0', 'trusted.afr.vol1-client-1'], false],
    ['an end', ['vol1-client-'], false],
    ['a name and more', ['trusted.afr.vol1-client-0-x'], false],
    ['what 11.1 makes of a blank after the comma', [' trusted.afr.vol1-'], false],
  ])('compares names with what a brick watches: %s', (_what, watch, fits) => {
    const expected = { bricks: [brickAt(watch)] };
    expect(lintIds(SHD, { ...SHD_CONTEXT, expected }).includes('VF212')).toBe(!fits);
    const brick = edit(BRICK, 'trusted.afr.vol1-\n', `"${watch.join(',')}"\n`);
    const clients = [healSets(graphOf(SHD))];
    expect(lintIds(brick, { ...BRICK_CONTEXT, expected: { clients } }).includes('VF135')).toBe(!fits);
  });

  it('says nothing of names where it does not know the brick, or the brick has no index', () => {
    const bricks = [
      { ...brickAt(['x']), name: '/bricks/other' },
      { ...brickAt(['x']), listenPort: 1 },
    ];
    expect(lintIds(SHD, { ...SHD_CONTEXT, expected: { bricks } })).not.toContain('VF212');
    const unknown = { name: BRICK_PATH, listenPort: 24_007 };
    expect(lintIds(SHD, { ...SHD_CONTEXT, expected: { bricks: [unknown] } })).toEqual([]);
    const clients = [healSets(graphOf(DISPERSE_SHD))];
    expect(lintIds(BRICK, { ...BRICK_CONTEXT, expected: { clients } })).not.toContain('VF135');
  });

  it.each<[string, string, boolean]>([
    ['the name', 'xattrop64-watchlist trusted.ec.dirty', true],
    ['a beginning, among others', 'xattrop64-watchlist trusted.afr.,trusted.ec', true],
    ['the list of replicas with the name', 'xattrop-pending-watchlist trusted.ec.dirty', true],
    ['the list of replicas alone, beside the default', 'xattrop-pending-watchlist trusted.afr.vol1-', true],
    ['another name', 'xattrop64-watchlist trusted.ec.dirt-y', false],
    ['what 11.1 makes of a blank after the comma', 'xattrop64-watchlist "trusted.afr., trusted.ec.dirty"', false],
    ['a list of what is only dirty', 'xattrop-dirty-watchlist trusted.ec.dirty', false],
  ])('compares what disperse sets tell with what a brick watches: %s', (_what, list, fits) => {
    const brick = DISPERSE_BRICK.replace('xattrop64-watchlist trusted.ec.dirty', list);
    const clients = [healSets(graphOf(DISPERSE_SHD))];
    const ids = lintIds(brick, { ...BRICK_CONTEXT, expected: { clients } });
    expect([ids.includes('VF135'), ids.includes('VF131')]).toEqual([!fits, false]);
    const bricks = [indexFacts(graphOf(brick)) ?? never()];
    expect(lintIds(DISPERSE_SHD, { ...SHD_CONTEXT, expected: { bricks } }).includes('VF212')).toBe(!fits);
  });

  it.each<[string, string, string, boolean]>([
    ['replicas under the same names', SHD, SHD, true],
    ['replicas in another order', SHD, otherwise(SHD), false],
    ['replicas with other names for all', SHD, edit(SHD, /afr-pending-xattr .*/, 'afr-pending-xattr a,b,c'), false],
    ['replicas that are named by their clients', otherwise(CLIENT), CLIENT, true],
    ['hosts that are written otherwise', SHD, otherwise(SHD).replaceAll('.vol1', '.vol1.svc'), true],
    ['fragments in the same order', DISPERSE_SHD, DISPERSE_SHD, true],
    ['fragments in another order', DISPERSE_SHD, otherwise(DISPERSE_SHD), false],
    ['bricks at other ports', SHD, otherwise(SHD).replaceAll('24007', '24008'), true],
  ])('compares how two clients number their bricks: %s', (_what, one, other, fits) => {
    for (const [text, clients] of [
      [one, [healSets(graphOf(other))]],
      [other, [[], healSets(graphOf(one))]],
    ] as const) {
      expect(lintIds(text, { ...SHD_CONTEXT, role: 'client', expected: { clients } }).includes('VF215')).toBe(!fits);
    }
  });

  it('asks for a watchlist unless the brick is known to be of a disperse set', () => {
    const bare = edit(DISPERSE_BRICK, /option xattrop64-watchlist.*\n/, '\n');
    expect(lintIds(bare, { ...BRICK_CONTEXT, expected: {} })).toContain('VF131');
    const clients = [healSets(graphOf(DISPERSE_SHD))];
    expect(lintIds(bare, { ...BRICK_CONTEXT, expected: { clients } })).not.toContain('VF131');
  });

  it('has a case for every rule, and no id twice', () => {
    const ids = RULES.map(({ id }) => id);
    expect(new Set(ids).size).toBe(ids.length);
    expect(new Set([...BRICK_ROWS, ...SHD_ROWS].map(([id]) => id))).toEqual(new Set(ids));
  });

  it('does not ask for auth-path where access is not checked again', () => {
    const bad = edit(BRICK, `option auth-path ${BRICK_PATH}`, 'option dynamic-auth off');
    expect(lintIds(bad, BRICK_CONTEXT)).not.toContain('VF101');
  });

  it('compares paths and ids by meaning', () => {
    const expected = { directory: `${BRICK_PATH}/`, volumeId: '6F1D2C3B-4A59-4E68-8F70-112233445566' };
    expect(lintIds(BRICK, { ...BRICK_CONTEXT, expected })).toEqual([]);
  });

  it('accepts data-self-heal open', () => {
    expect(lintIds(SHD.replaceAll('data-self-heal on', 'data-self-heal open'), SHD_CONTEXT)).not.toContain('VF202');
  });

  it('says what was meant by a misspelt option, in the words of glusterd too', () => {
    const remedyOf = (key: string): string | undefined => {
      const bad = edit(BRICK, 'thread-count 16', `${key} 16`);
      return lintVolfile(Buffer.from(bad), BRICK_CONTEXT).problems.find(({ id }) => id === 'VF303')?.remedy;
    };
    expect(remedyOf('tread-count')).toBe('did you mean thread-count?');
    expect(remedyOf('performance.thread-count')).toBe('did you mean thread-count?');
    expect(remedyOf('something-else-entirely')).toBe('remove it');
    expect(remedyOf('x'.repeat(300))).toBe('remove it');
  });

  it('bounds what it says, and loses no error by it', () => {
    const strange = Array.from({ length: 5000 }, (_, index) => `option tread-count${index} 1`).join('\n');
    const bad = edit(edit(BRICK, 'option thread-count 16', strange), 'option auth-path', 'option auth-pahh');
    const { problems } = lintVolfile(Buffer.from(bad), BRICK_CONTEXT);
    expect(problems).toHaveLength(MAX_FINDINGS);
    expect(problems[0]).toMatchObject({ id: 'VF101', severity: 'error' });
  });

  // What costs the square of the size takes minutes here, and the agent would stand still for them.
  it.each<[string, LintContext, (index: number) => string]>([
    [
      'a tower of replica sets',
      SHD_CONTEXT,
      (index) => {
        const below = index === 0 ? 'option a b' : `subvolumes ${`c${index - 1} `.repeat(3)}`;
        return `volume c${index} type cluster/replicate ${below} end-volume\n`;
      },
    ],
    [
      'a volume with half a million children',
      BRICK_CONTEXT,
      (index) => {
        if (index === 0) return 'volume a type protocol/client option a b end-volume ';
        return index === 1
          ? 'volume b type cluster/replicate option a b end-volume volume c type protocol/server option listen-port 1 subvolumes b '
          : 'a ';
      },
    ],
    [
      'a chain with a fault in each of its volumes',
      BRICK_CONTEXT,
      (index) => {
        const below = index === 0 ? '' : `subvolumes v${index - 1}`;
        return `volume v${index} type storage/posix option directory x ${below} end-volume\n`;
      },
    ],
  ])(
    'judges %s as large as a file may be',
    (_what, context, piece) => {
      const pieces: string[] = [];
      const end = ' end-volume';
      for (let size = end.length; ;) {
        const next = piece(pieces.length);
        size += next.length;
        if (size > MAX_VOLFILE_BYTES) break;
        pieces.push(next);
      }
      const whole = pieces.join('');
      const text = whole.trimEnd().endsWith('end-volume') ? whole : `${whole}${end}`;
      const expected = withNeighbours(
        context.expected,
        context.role,
        'own',
        neighboursOf([{ file: 'other', graph: graphOf(text) }]),
      );
      const { problems } = lintVolfile(Buffer.from(text), { ...context, expected });
      expect(problems[0]?.severity).toBe('error');
      expect(problems.length).toBeLessThanOrEqual(MAX_FINDINGS);
    },
    30_000,
  );

  it('puts errors first, and points at the line', () => {
    const bad = edit(edit(BRICK, 'option count-fop-hits on', ''), 'thread-count 16', 'thread-count 0');
    const { problems } = lintVolfile(Buffer.from(bad), BRICK_CONTEXT);
    expect(problems.map(({ severity }) => severity)).toEqual(['error', 'hint']);
    expect(formatProblem('brick.vol', problems[0] ?? never())).toBe(
      'brick.vol:26:5: error VF302: option "thread-count" of volume "vol1-io-threads" is "0" (it takes a whole number, at least 1 and at most 64)',
    );
  });
});

function never(): never {
  throw new Error('no problem was found');
}
