import { describe, expect, it } from 'vitest';
import type { VolumeShape } from '../../../src/heal/brick-set.ts';
import {
  judgeDisruption,
  SETTLE_MS,
  type BrickReport,
  type DisruptionFacts,
  type PeerAnswer,
} from '../../../src/heal/disruption.ts';

const WHOLE = { state: 'Complete', message: 'nothing waits for heal', pending: 0, isEmpty: false } as const;

function report(brickIndex: number, changes: Partial<BrickReport> = {}): BrickReport {
  const well = { notServing: undefined, servingForMs: SETTLE_MS, backlog: WHOLE, blames: [], isStopping: false };
  return { brickIndex, ...well, ...changes };
}

function shape(volumeType: VolumeShape['volumeType'], brickIndex: number, more: Partial<VolumeShape> = {}) {
  return { volumeType, brickIndex, clientQuorum: 'auto', ...more } satisfies VolumeShape;
}

function answers(...reports: BrickReport[]): PeerAnswer[] {
  return reports.map((answer) => ({ address: `pool1-${answer.brickIndex}:9746`, answer }));
}

function facts(changes: Partial<DisruptionFacts> = {}): DisruptionFacts {
  const peers = answers(report(1), report(2));
  return { shape: shape('Replica3', 0), own: report(0), ownName: 'pool1-client-0', peers, ...changes };
}

/** `Safe`, or the verdict and every code with its brick. */
function said(input: DisruptionFacts): string {
  const { verdict, reasons } = judgeDisruption(input);
  return [verdict, ...reasons.map(({ code, brickIndex }) => `${code}${brickIndex ?? ''}`)].join(' ');
}

/** Everything that an agent can say of its brick, and silence. */
const LIVES: (Partial<BrickReport> | 'silent')[] = [
  ...[undefined, 'connection refused'].flatMap((notServing) =>
    [0, SETTLE_MS - 1, SETTLE_MS].flatMap((servingForMs) =>
      [false, true].flatMap((isStopping) =>
        [0, 1, undefined].flatMap((pending) =>
          [false, true, undefined].flatMap((isEmpty) =>
            (['Complete', 'Progressing', 'Stalled', 'Unknown'] as const).map((state) => {
              return { notServing, servingForMs, isStopping, backlog: { state, message: 'm', pending, isEmpty } };
            }),
          ),
        ),
      ),
    ),
  ),
  'silent',
];

function isWell({ notServing, servingForMs, isStopping }: Partial<BrickReport>): boolean {
  return notServing === undefined && (servingForMs ?? 0) >= SETTLE_MS && isStopping === false;
}
function isWhole({ backlog }: Partial<BrickReport>): boolean {
  return backlog?.state === 'Complete' && backlog.pending === 0 && backlog.isEmpty === false;
}
function isEmpty({ backlog }: Partial<BrickReport>): boolean {
  return backlog?.pending === 0 && backlog.isEmpty === true;
}

describe('judgeDisruption', () => {
  it('is Safe exactly when every other brick serves and nothing is or may be pending, whatever they say', () => {
    const counts = { Safe: 0, Unsafe: 0, Unknown: 0 };
    for (const life of LIVES) {
      for (const other of [{}, ...LIVES]) {
        const peers: PeerAnswer[] = [
          { address: 'a', answer: life === 'silent' ? { error: 'no answer' } : report(1, life) },
          { address: 'b', answer: other === 'silent' ? { error: 'no answer' } : report(2, other) },
        ];
        const { verdict, reasons } = judgeDisruption(facts({ peers }));
        const one = life === 'silent' ? undefined : report(1, life);
        const two = other === 'silent' ? undefined : report(2, other);
        const isSafe = [one, two].every((brick) => brick !== undefined && isWell(brick) && isWhole(brick));
        expect(verdict === 'Safe').toBe(isSafe);
        expect(reasons.length === 0).toBe(isSafe);
        expect(verdict === 'Unsafe').toBe(reasons.some((reason) => reason.verdict === 'Unsafe'));
        counts[verdict] += 1;
      }
    }
    // That the cases reach everything.
    expect(Object.values(counts).every((count) => count > 1)).toBe(true);
  });

  it('is Safe for its own backlog exactly when that is known to be 0', () => {
    for (const life of LIVES) {
      if (life === 'silent') continue;
      expect(judgeDisruption(facts({ own: report(0, life) })).verdict === 'Safe').toBe(isWhole(life));
    }
  });

  it('takes empty bricks for well only where all of the set are', () => {
    const empty = { backlog: { state: 'Unknown', message: 'this brick is empty', pending: 0, isEmpty: true } } as const;
    for (const life of LIVES) {
      if (life === 'silent') continue;
      const peers = answers(report(1, life), report(2, empty));
      const { verdict } = judgeDisruption(facts({ own: report(0, empty), peers }));
      expect(verdict === 'Safe').toBe(isWell(life) && isEmpty(life));
    }
    expect(said(facts({ peers: answers(report(1, empty), report(2)) }))).toBe('Unsafe PeerBrickEmpty1');
    expect(said(facts({ own: report(0, empty) }))).toBe('Unknown OwnBrickEmpty0');
  });

  it.each<[string, Partial<DisruptionFacts>]>([
    ['Safe', {}],
    ['Unsafe SingleCopy', { shape: shape('Replica1', 0) }],
    ['Unknown PeersNotConfigured', { peers: undefined }],
    ['Unknown PeerSilent1 PeerSilent2', { peers: [] }],
    ['Unknown PeerSilent2', { peers: answers(report(1)) }],
    ['Unknown PeerTwice2', { peers: answers(report(1), report(2), report(2)) }],
    ['Unsafe PeerDown2 QuorumLost', { peers: answers(report(1), report(2, { notServing: 'refused' })) }],
    ['Unsafe PeerStarting2', { peers: answers(report(1), report(2, { servingForMs: 3000 })) }],
    ['Unsafe PeerStopping1', { peers: answers(report(1, { isStopping: true }), report(2)) }],
    // Bricks of other sets say nothing of this one.
    ['Safe', { peers: answers(report(1), report(2), report(3, { notServing: 'refused' })) }],
    ['Unknown PeerSilent4 PeerSilent5', { shape: shape('Replica3', 3), own: report(3) }],
    ['Safe', { shape: shape('Arbiter', 1), own: report(1), peers: answers(report(0), report(2)) }],
    // The second of two may go, the first only where clients insist on nothing.
    ['Safe', { shape: shape('Replica2', 1), own: report(1), peers: answers(report(0)) }],
    ['Unsafe QuorumLost', { shape: shape('Replica2', 0), peers: answers(report(1)) }],
    ['Safe', { shape: shape('Replica2', 0, { clientQuorum: 'none' }), peers: answers(report(1)) }],
    [
      'Unsafe PeerDown2',
      {
        shape: shape('Replica3', 0, { clientQuorum: 'none' }),
        peers: answers(report(1), report(2, { notServing: 'refused' })),
      },
    ],
    ['Unknown SetUnknown', { shape: shape('Disperse', 0, { disperseData: 2 }) }],
    ['Safe', { shape: shape('Disperse', 0, { disperseData: 2, disperseRedundancy: 1 }) }],
    [
      'Unsafe PeerDown2 QuorumLost',
      {
        shape: shape('Disperse', 0, { disperseData: 2, disperseRedundancy: 1 }),
        peers: answers(report(1), report(2, { notServing: 'refused' })),
      },
    ],
    [
      'Unsafe PeerDown3',
      {
        shape: shape('Disperse', 0, { disperseData: 2, disperseRedundancy: 2 }),
        peers: answers(report(1), report(2), report(3, { notServing: 'refused' })),
      },
    ],
    // A brick that is down already: nothing of it is needed.
    ['Safe', { own: report(0, { notServing: 'refused' }) }],
  ])('says %s (case %#)', (expected, changes) => {
    expect(said(facts(changes))).toBe(expected);
  });

  it('names who is healed, and this brick among them', () => {
    const backlog = { state: 'Progressing', message: '7 objects wait', pending: 7, isEmpty: undefined } as const;
    const blames = ['pool1-client-0', 'pool1-client-2'];
    const { reasons } = judgeDisruption(facts({ peers: answers(report(1, { backlog, blames }), report(2)) }));
    expect(reasons).toMatchObject([
      {
        code: 'PeerBacklog',
        brickIndex: 1,
        message: 'brick 1 still has to heal to pool1-client-0 (this brick), pool1-client-2: 7 objects wait',
      },
    ]);
  });

  it('tells why a peer is silent, and puts what is unsafe first', () => {
    const peers: PeerAnswer[] = [{ address: 'pool1-1:9746', answer: { error: 'connect ECONNREFUSED' } }];
    const { verdict, reasons } = judgeDisruption(
      facts({ peers: [...peers, ...answers(report(2, { isStopping: true }))] }),
    );
    expect(verdict).toBe('Unsafe');
    expect(reasons.map(({ code }) => code)).toEqual(['PeerStopping', 'PeerSilent']);
    expect(reasons[1]?.message).toBe('no agent answers for brick 1 (pool1-1:9746: connect ECONNREFUSED)');
  });
});
