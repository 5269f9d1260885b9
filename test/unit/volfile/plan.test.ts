import { describe, expect, it } from 'vitest';
import { lintVolfile } from '../../../src/volfile/lint/lint.ts';
import { describeChange, planAction, planChange, type Plan } from '../../../src/volfile/plan.ts';
import { BRICK_CONTEXT, BRICK_PATH, edit, graphOf, sample, SHD_CONTEXT } from './samples.ts';

const BRICK = sample('replica-brick.vol');
const SHD = sample('replica-shd.vol');

function plan(old: string, next: string): Plan {
  return planChange(graphOf(old), { graph: graphOf(next), problems: [] });
}

describe('planChange', () => {
  it('sees no change in comments, blanks and order of options', () => {
    const next = edit(
      `# other\n${BRICK}`,
      'option latency-measurement on\n    option count-fop-hits on',
      'option count-fop-hits on\n\n option latency-measurement "on"',
    );
    expect(plan(BRICK, next)).toEqual({ kind: 'unchanged' });
  });

  it('lists changed, new and removed options, and how each gets in', () => {
    const next = edit(
      edit(BRICK, 'thread-count 16', 'thread-count 32'),
      'option latency-measurement on',
      'option log-level INFO',
    );
    expect(plan(BRICK, next)).toEqual({
      kind: 'options',
      changes: [
        {
          volume: BRICK_PATH,
          type: 'debug/io-stats',
          key: 'latency-measurement',
          from: 'on',
          to: undefined,
          live: 'logged',
        },
        { volume: BRICK_PATH, type: 'debug/io-stats', key: 'log-level', from: undefined, to: 'INFO', live: 'silent' },
        {
          volume: 'vol1-io-threads',
          type: 'performance/io-threads',
          key: 'thread-count',
          from: '16',
          to: '32',
          live: 'logged',
        },
      ],
    });
  });

  it('looks at protocol/server too, though its tree is not compared', () => {
    const next = edit(edit(BRICK, 'volume vol1-server', 'volume renamed'), 'listen-port 24007', 'listen-port 24008');
    expect(plan(BRICK, next)).toMatchObject({
      kind: 'options',
      changes: [{ key: 'transport.socket.listen-port', live: 'restart' }],
    });
  });

  it.each([
    ['another name', edit(BRICK, /vol1-locks/g, 'vol1-posix-locks')],
    ['another type', edit(BRICK, 'features/locks', 'features/posix-locks')],
    [
      'one more',
      edit(
        BRICK,
        'volume vol1-locks\n',
        'volume up\n type features/upcall\n subvolumes vol1-access-control\nend-volume\nvolume vol1-locks\n',
      ).replace('features/locks\n    subvolumes vol1-access-control', 'features/locks\n    subvolumes up'),
    ],
    [
      'another brick',
      BRICK.replaceAll(`volume ${BRICK_PATH}`, 'volume /b').replaceAll(`subvolumes ${BRICK_PATH}`, 'subvolumes /b'),
    ],
    ['no brick', sample('client.vol')],
  ])('calls %s a change of the tree', (_what, next) => {
    const result = plan(BRICK, next);
    expect(result.kind).toBe('topology');
    expect(result.kind === 'topology' ? result.differences.length : 0).toBeGreaterThan(0);
  });

  it('sees the order and number of replicas', () => {
    const swapped = edit(
      SHD,
      'subvolumes vol1-client-0 vol1-client-1 vol1-client-2',
      'subvolumes vol1-client-1 vol1-client-0 vol1-client-2',
    );
    expect(plan(SHD, swapped)).toMatchObject({ kind: 'topology' });
    const fewer = edit(
      SHD,
      'subvolumes vol1-client-0 vol1-client-1 vol1-client-2',
      'subvolumes vol1-client-0 vol1-client-1',
    );
    expect(plan(SHD, fewer)).toMatchObject({
      kind: 'topology',
      differences: ['"vol1-replicate-0" has 2 subvolumes, the running one 3'],
    });
  });

  it('knows that a silent option that goes away keeps its value', () => {
    const next = edit(BRICK, 'option auth-path', 'option inode-lru-limit 10\n option auth-path');
    expect(plan(next, BRICK)).toMatchObject({ changes: [{ key: 'inode-lru-limit', to: undefined, live: 'restart' }] });
    const open = edit(BRICK, 'option auth-path', 'option auth.login.bob.password sesame\n option auth-path');
    expect(plan(open, BRICK)).toMatchObject({ changes: [{ from: '***', to: undefined, live: 'silent' }] });
  });

  it('refuses a file with errors', () => {
    const bad = edit(BRICK, `option auth-path ${BRICK_PATH}`, '');
    expect(planChange(graphOf(BRICK), lintVolfile(Buffer.from(bad), BRICK_CONTEXT))).toMatchObject({
      kind: 'rejected',
      problems: [{ id: 'VF101' }],
    });
    expect(planChange(graphOf(SHD), lintVolfile(Buffer.from('x'), SHD_CONTEXT)).kind).toBe('rejected');
  });

  it('copes with deep, wide and diamond-shaped files', () => {
    const diamond = (leaf: string): string => {
      let text = `volume a0 type ${leaf} option k v end-volume volume b0 type x/y option k v end-volume `;
      for (let index = 1; index < 2000; index += 1) {
        for (const letter of ['a', 'b']) {
          text += `volume ${letter}${index} type x/y subvolumes a${index - 1} b${index - 1} end-volume `;
        }
      }
      return `${text}volume top type x/y subvolumes a1999 b1999 end-volume`;
    };
    expect(plan(diamond('x/y'), diamond('x/y'))).toEqual({ kind: 'unchanged' });
    expect(plan(diamond('x/y'), diamond('x/z'))).toMatchObject({ kind: 'topology' });
  });
});

describe('describeChange', () => {
  it('reads as a sentence', () => {
    const result = plan(BRICK, edit(BRICK, 'thread-count 16', 'thread-count 32'));
    expect(result.kind === 'options' ? result.changes.map(describeChange) : []).toEqual([
      'thread-count of "vol1-io-threads": "16" -> "32"',
    ]);
  });
});

describe('planAction', () => {
  const live = edit(BRICK, 'thread-count 16', 'thread-count 32');

  it.each([
    ['nothing for the same', BRICK, '11', 'none'],
    ['nothing for the same on 10', BRICK, '10', 'none'],
    ['a reload for live options', live, '11', 'reload'],
    ['a restart for live options on 10', live, '10', 'restart'],
    [
      'a restart for a port beside a live option',
      edit(live, 'listen-port 24007', 'listen-port 24008'),
      '11',
      'restart',
    ],
    ['a restart for another tree', edit(BRICK, 'features/locks', 'features/upcall'), '11', 'restart'],
  ] as const)('is %s', (_what, next, gluster, action) => {
    expect(planAction(plan(BRICK, next), gluster)).toBe(action);
  });

  it('refuses what is rejected', () => {
    expect(planAction({ kind: 'rejected', problems: [] }, '11')).toBe('refuse');
  });
});
