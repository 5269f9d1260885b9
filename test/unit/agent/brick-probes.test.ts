/** The verdicts of the probes, a row each. What is not in a row is as it is for a brick that runs and answers. */
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  judgeAnswers,
  judgeProcess,
  judgeStarted,
  judgeStatfs,
  STARTING_MS,
  type ProbeFacts,
  type ProcessFact,
} from '../../../src/agent/brick-probes.ts';
import type { ContactView, Miss } from '../../../src/agent/contact.ts';

const NOW = 10_000_000;
const SPAN = 60_000;
const PATIENCE = { spanMs: SPAN, staleMs: 36_000 };

const RUNNING: ProcessFact = { kind: 'running', key: '7:100', ageMs: 3_600_000 };
const UNKNOWN: ProcessFact = { kind: 'unknown', why: 'no permission' };
const ANSWERS: ContactView = { lastAnswerAt: NOW - 1_000, missing: undefined, doubt: undefined };
const NEVER_ASKED: ContactView = { lastAnswerAt: undefined, missing: undefined, doubt: undefined };
const DOUBT: ContactView = { lastAnswerAt: NOW - 90_000, missing: undefined, doubt: 'EMFILE' };

function gone(ms: number, looks = 10): ProcessFact {
  return { kind: 'gone', since: NOW - ms, looks, why: 'pid 7 is not running' };
}

function missing(kind: Miss, ms: number, times = 12, answeredBefore = true): ContactView {
  const since = NOW - ms;
  const lastAnswerAt = answeredBefore ? since - 1_000 : undefined;
  return { lastAnswerAt, missing: { kind, since, times, why: 'ECONN' }, doubt: undefined };
}

function facts(changes: Partial<ProbeFacts>): ProbeFacts {
  return {
    now: NOW,
    process: RUNNING,
    provenBefore: true,
    contact: ANSWERS,
    answeredKey: '7:100',
    diskHangs: false,
    heals: false,
    lookedAt: NOW - 5_000,
    ...changes,
  };
}

const SILENT = missing('silent', SPAN);
const CLOSED = missing('closed', SPAN);

const NOTHING = /^$/;

interface Row {
  what: string;
  changes: Partial<ProbeFacts>;
  says: RegExp;
}

describe('the process check passes', () => {
  it.each<Row>([
    { what: 'for one that runs', changes: {}, says: NOTHING },
    { what: 'for one that runs and does not answer', changes: { contact: SILENT }, says: NOTHING },
    { what: 'before the first look', changes: { lookedAt: undefined, process: UNKNOWN }, says: /not looked/ },
    {
      what: 'when our looks are old',
      changes: { process: gone(SPAN), contact: CLOSED, lookedAt: NOW - 36_001 },
      says: /not looked at the process lately/,
    },
    { what: 'when we may not look', changes: { process: UNKNOWN, contact: CLOSED }, says: /cannot be told/ },
    { what: 'when the port answers all the same', changes: { process: gone(SPAN) }, says: /namespace/ },
    {
      what: 'when it was never there',
      changes: { process: gone(SPAN), provenBefore: false, contact: CLOSED },
      says: /not started yet/,
    },
    { what: 'when the port cannot be asked', changes: { process: gone(SPAN), contact: DOUBT }, says: /not proven/ },
    { what: 'when it was never asked', changes: { process: gone(SPAN), contact: NEVER_ASKED }, says: /not proven/ },
    { what: 'a moment too early', changes: { process: gone(SPAN - 1), contact: CLOSED }, says: /60\.0 s/ },
    {
      what: 'while the port has not been missed as long',
      changes: { process: gone(SPAN), contact: missing('closed', SPAN - 1) },
      says: /not running/,
    },
    { what: 'after two looks', changes: { process: gone(SPAN, 2), contact: CLOSED }, says: /not running/ },
    {
      what: 'after two tries of the port',
      changes: { process: gone(SPAN), contact: missing('closed', SPAN, 2) },
      says: /not running/,
    },
  ])('$what', ({ changes, says }) => {
    const { ok, reason } = judgeProcess(facts(changes), PATIENCE);
    expect(ok).toBe(true);
    expect(reason ?? '').toMatch(says);
  });
});

describe('the process check fails', () => {
  it.each<[string, Partial<ProbeFacts>]>([
    ['with proof', { process: gone(SPAN, 3), contact: missing('closed', SPAN, 3) }],
    ['also while the brick was healing', { process: gone(SPAN), contact: CLOSED, heals: true }],
    [
      'also while the disk hangs, which does not keep a dead brick alive',
      { process: gone(SPAN), contact: CLOSED, diskHangs: true },
    ],
  ])('%s', (_what, changes) => {
    expect(judgeProcess(facts(changes), PATIENCE)).toEqual({ ok: false, reason: 'pid 7 is not running for 1 min 0 s' });
  });
});

describe('the answer check passes', () => {
  const old = { process: { ...RUNNING, ageMs: STARTING_MS }, answeredKey: undefined };
  it.each<Row>([
    { what: 'for one that answers', changes: {}, says: NOTHING },
    { what: 'for one that answers though its process cannot be seen', changes: { process: UNKNOWN }, says: NOTHING },
    { what: 'before the first try', changes: { contact: NEVER_ASKED, answeredKey: undefined }, says: /not asked yet/ },
    { what: 'when it is us who cannot ask', changes: { contact: DOUBT }, says: /agent cannot ask: EMFILE/ },
    { what: 'a moment too early', changes: { contact: missing('silent', SPAN - 1) }, says: /no answer for/ },
    { what: 'after two tries', changes: { contact: missing('silent', SPAN, 2) }, says: /2 tries/ },
    { what: 'when the process cannot be seen', changes: { contact: SILENT, process: UNKNOWN }, says: /cannot be told/ },
    { what: 'when our looks are old', changes: { contact: SILENT, lookedAt: NOW - 36_001 }, says: /lately/ },
    {
      what: 'when the process is gone: the other check says it',
      changes: { contact: CLOSED, process: gone(SPAN) },
      says: /not running/,
    },
    { what: 'while the disk hangs', changes: { contact: SILENT, diskHangs: true }, says: /disk hangs/ },
    { what: 'while it heals', changes: { contact: SILENT, heals: true }, says: /it heals/ },
    {
      what: 'for a process that has only just replaced the one that answered',
      changes: { contact: SILENT, answeredKey: '6:90', process: { ...RUNNING, ageMs: 1_000 } },
      says: /starting/,
    },
    {
      what: 'while it starts, as far as the agent has seen',
      changes: {
        ...old,
        process: { ...RUNNING, ageMs: STARTING_MS - 5_001 },
        contact: missing('silent', SPAN, 12, false),
      },
      says: /starting/,
    },
    {
      what: 'for a port where never anybody listened',
      changes: { ...old, contact: missing('closed', SPAN, 12, false) },
      says: /address/,
    },
  ])('$what', ({ changes, says }) => {
    const { ok, reason } = judgeAnswers(facts(changes), PATIENCE);
    expect(ok).toBe(true);
    expect(reason ?? '').toMatch(says);
  });

  it('not for an old process that has been silent since the agent came', () => {
    const changes = { ...old, contact: missing('silent', SPAN, 12, false) };
    expect(judgeAnswers(facts(changes), PATIENCE).ok).toBe(false);
  });

  it.each([SILENT, CLOSED, missing('silent', SPAN, 3)])('not with proof', (contact) => {
    const { ok, reason } = judgeAnswers(facts({ contact }), PATIENCE);
    expect(ok).toBe(false);
    expect(reason).toMatch(/^no answer for 1 min 0 s \(\d+ tries\): ECONN$/);
  });
});

describe('startup', () => {
  it.each<[string, Partial<ProbeFacts>, boolean]>([
    ['has happened when this process has answered', {}, true],
    ['has happened though it is silent now', { contact: SILENT }, true],
    [
      'has not for a process that has not answered',
      { contact: missing('closed', 5_000, 3, false), answeredKey: undefined },
      false,
    ],
    ['has not when another process answered before', { answeredKey: '6:90', contact: CLOSED }, false],
    ['has not before the first try', { contact: NEVER_ASKED, answeredKey: undefined }, false],
    ['has happened when something answers and nobody may look', { process: UNKNOWN, answeredKey: undefined }, true],
    [
      'has happened when it answers in another process namespace',
      { process: gone(SPAN), answeredKey: undefined },
      true,
    ],
    ['has not when it has gone', { process: gone(1_000), contact: missing('closed', 1_000) }, false],
    [
      'has not when nobody may look and nothing has answered',
      { process: UNKNOWN, contact: NEVER_ASKED, answeredKey: undefined },
      false,
    ],
  ])('%s', (_what, changes, ok) => {
    const result = judgeStarted(facts(changes));
    expect(result.ok).toBe(ok);
    expect(result.reason !== undefined).toBe(!ok);
  });
});

describe('the disk check', () => {
  it.each<[string, { at: number; error: string | undefined } | undefined, boolean]>([
    ['fails before the first answer', undefined, false],
    ['passes with a fresh answer', { at: NOW - 25_000, error: undefined }, true],
    ['fails with an old answer', { at: NOW - 25_001, error: undefined }, false],
    ['fails with an error, however fresh', { at: NOW, error: 'EIO' }, false],
  ])('%s', (_what, result, ok) => {
    expect(judgeStatfs(result, NOW, 25_000).ok).toBe(ok);
  });
});

describe('whatever the facts', () => {
  const anyProcess = fc.oneof(
    fc.record({
      kind: fc.constant('running' as const),
      key: fc.constantFrom('7:100', '8:1'),
      ageMs: fc.nat(2 * STARTING_MS),
    }),
    fc.record({ kind: fc.constant('gone' as const), since: fc.nat(NOW), looks: fc.nat(9), why: fc.constant('gone') }),
    fc.constant(UNKNOWN),
  );
  const anyMiss = fc.record({
    kind: fc.constantFrom<Miss[]>('silent', 'closed'),
    since: fc.nat(NOW),
    times: fc.nat(9),
    why: fc.constant('why'),
  });
  const anyFacts: fc.Arbitrary<ProbeFacts> = fc.record({
    now: fc.constant(NOW),
    process: anyProcess,
    provenBefore: fc.boolean(),
    contact: fc.oneof(
      fc.constantFrom(ANSWERS, NEVER_ASKED, DOUBT),
      fc.record({
        lastAnswerAt: fc.option(fc.nat(NOW), { nil: undefined }),
        missing: anyMiss,
        doubt: fc.constant(undefined),
      }),
    ),
    answeredKey: fc.constantFrom(undefined, '7:100', '8:1'),
    diskHangs: fc.boolean(),
    heals: fc.boolean(),
    lookedAt: fc.option(fc.nat(NOW), { nil: undefined }),
  });

  it('no brick is killed that answers, or is healing, or is unseen, or after too few tries', () => {
    const isJust = (any: ProbeFacts): boolean => {
      const { process, contact, lookedAt, heals, diskHangs } = any;
      if (judgeProcess(any, PATIENCE).ok && judgeAnswers(any, PATIENCE).ok) return true;
      const isMissing =
        contact.missing !== undefined && contact.missing.times >= 3 && NOW - contact.missing.since >= SPAN;
      const isSeen = process.kind !== 'unknown' && lookedAt !== undefined && NOW - lookedAt <= PATIENCE.staleMs;
      const isExplained = process.kind === 'running' && (heals || diskHangs);
      return isMissing && isSeen && !isExplained;
    };
    fc.assert(
      fc.property(anyFacts, (any) => {
        expect(isJust(any)).toBe(true);
      }),
    );
  });
});
