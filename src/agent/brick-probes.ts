/**
 * What the probes say of a Gluster process. Pure: facts go in, a verdict comes out. A liveness probe kills what it fails, so it
 * fails only on proof: several tries over a whole span of time, of a process that was seen to work before, and nothing that
 * explains the silence. Doubt, a slow disk, a heal and a start are no proof.
 */
import { formatDuration } from '../lib/units.ts';
import type { ContactView } from './contact.ts';
import type { CheckResult } from './health.ts';

/** Fewer tries in a row prove nothing: one may fall on a stalled event loop of ours, another on a busy moment of theirs. */
export const MIN_TRIES = 3;
/**
 * A brick listens within 0.1 s of its start (measured on 11.1). One that has never answered us is given this long, in
 * milliseconds, because the agent may have been started after it had frozen.
 */
export const STARTING_MS = 600_000;

export type ProcessFact =
  /** `key` names the process for as long as the machine is up. */
  | { kind: 'running'; key: string; ageMs: number }
  /** The pid file is missing or names nobody. */
  | { kind: 'gone'; since: number; looks: number; why: string }
  /** It cannot be told. */
  | { kind: 'unknown'; why: string };

/** Times are monotonic milliseconds. */
export interface ProbeFacts {
  now: number;
  process: ProcessFact;
  /** This agent has proven a process behind the pid file before, so it can see it when it is there. */
  provenBefore: boolean;
  contact: ContactView;
  /** Key of the process that was running when the last answer came. */
  answeredKey: string | undefined;
  /** Since when a system call of ours on the disk has not come back. */
  diskHangs: boolean;
  /** The heal backlog gets smaller, or has not been watched for long enough to say that it does not. */
  heals: boolean;
  /** When the facts about the process were looked at last; undefined: never. */
  lookedAt: number | undefined;
}

export interface Patience {
  /** How long the evidence must last, in milliseconds. */
  spanMs: number;
  /** Facts older than this, in milliseconds, are no facts. */
  staleMs: number;
}

const OK: CheckResult = { ok: true };

function inSpiteOf(reason: string): CheckResult {
  return { ok: true, reason };
}

/** Fails when the process has ended, and its port proves that it has. */
export function judgeProcess(facts: ProbeFacts, patience: Patience): CheckResult {
  const { process, contact, now } = facts;
  if (isStale(facts, patience)) return inSpiteOf('the agent has not looked at the process lately');
  if (process.kind === 'running') return OK;
  if (process.kind === 'unknown') return inSpiteOf(`cannot be told: ${process.why}`);
  // Without a shared process namespace the pid is somebody else's number, or nobody's.
  if (contact.missing === undefined && contact.doubt === undefined && contact.lastAnswerAt !== undefined) {
    return inSpiteOf(`${process.why}, but it answers: is the process namespace shared?`);
  }
  if (!facts.provenBefore) return inSpiteOf(`not started yet, as far as can be seen: ${process.why}`);
  const { since, looks, why } = process;
  const { missing } = contact;
  if (missing === undefined) return inSpiteOf(`${why}; that it does not answer is not proven`);
  const goneFor = now - Math.max(since, missing.since);
  const tries = Math.min(looks, missing.times);
  if (tries < MIN_TRIES || goneFor < patience.spanMs) return inSpiteOf(`${why} for ${formatDuration(now - since)}`);
  return { ok: false, reason: `${why} for ${formatDuration(now - since)}` };
}

/** Fails when a process that is there has stopped answering for good. */
export function judgeAnswers(facts: ProbeFacts, patience: Patience): CheckResult {
  const { process, contact, now, answeredKey } = facts;
  const { missing } = contact;
  if (contact.doubt !== undefined) return inSpiteOf(`the agent cannot ask: ${contact.doubt}`);
  if (missing === undefined) return contact.lastAnswerAt === undefined ? inSpiteOf('not asked yet') : OK;
  const silence = `no answer for ${formatDuration(now - missing.since)} (${missing.times} tries): ${missing.why}`;
  if (isStale(facts, patience)) return inSpiteOf(`${silence}; the agent has not looked at the process lately`);
  if (process.kind === 'unknown') return inSpiteOf(`${silence}; the process cannot be told: ${process.why}`);
  // The other check's word.
  if (process.kind === 'gone') return inSpiteOf(`${silence}; ${process.why}`);
  if (answeredKey !== process.key) {
    const ageMs = process.ageMs + now - (facts.lookedAt ?? now);
    if (ageMs < STARTING_MS) return inSpiteOf(`starting; ${silence}`);
    // A process that listens and says nothing is stuck; where nobody listens, our port may be the wrong one.
    if (missing.kind === 'closed') return inSpiteOf(`it has never answered here: is the address right? ${silence}`);
  }
  if (missing.times < MIN_TRIES || now - missing.since < patience.spanMs) return inSpiteOf(silence);
  if (facts.diskHangs) return inSpiteOf(`the disk hangs, which a restart does not mend; ${silence}`);
  if (facts.heals) return inSpiteOf(`it heals; ${silence}`);
  return { ok: false, reason: silence };
}

/** Passes once the process that runs now has answered. */
export function judgeStarted({ process, contact, answeredKey }: ProbeFacts): CheckResult {
  if (process.kind === 'running' && answeredKey !== process.key) {
    return { ok: false, reason: contact.missing?.why ?? contact.doubt ?? 'it has not answered since it was started' };
  }
  // What cannot be seen is judged by its answers alone.
  if (contact.lastAnswerAt !== undefined && process.kind !== 'gone') return OK;
  if (contact.lastAnswerAt !== undefined && contact.missing === undefined) return OK;
  return { ok: false, reason: process.kind === 'running' ? 'it has not answered yet' : process.why };
}

/** The last try of a call to the disk through the brick's own threads. */
export interface StatfsResult {
  at: number;
  /** Why it failed; undefined: it worked. */
  error: string | undefined;
}

/** @param staleMs beyond this age, in milliseconds, a result says nothing of now */
export function judgeStatfs(result: StatfsResult | undefined, now: number, staleMs: number): CheckResult {
  if (result === undefined) return { ok: false, reason: 'not asked yet' };
  if (result.error !== undefined) return { ok: false, reason: result.error };
  const ageMs = now - result.at;
  return ageMs <= staleMs ? OK : { ok: false, reason: `the last answer is ${formatDuration(ageMs)} old` };
}

/**
 * A brick whose disk takes no writes any more goes on running and answers whatever it can from memory.
 *
 * @param writtenAt when the health check of this brick process last wrote, in wall-clock milliseconds; undefined: it has not yet,
 *   or does not check
 * @param staleMs an older one is a failure, in milliseconds
 */
export function judgeHealthCheck(writtenAt: number | undefined, now: number, staleMs: number): CheckResult {
  if (writtenAt === undefined) return inSpiteOf('the brick has written none yet');
  const ageMs = now - writtenAt;
  if (ageMs <= staleMs) return OK;
  return { ok: false, reason: `the brick's own check has not been able to write for ${formatDuration(ageMs)}` };
}

function isStale({ now, lookedAt }: ProbeFacts, { staleMs }: Patience): boolean {
  return lookedAt === undefined || now - lookedAt > staleMs;
}
