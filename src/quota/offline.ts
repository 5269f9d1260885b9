/**
 * Limits and usage of a stopped brick. A brick takes namespace, limit and usage of a directory from disk when it first looks
 * it up, and never again while it runs: what stands there at its start is exact from then on, also for what lay in the
 * directory before (measured on 11.1).
 */
import type { PvPlace, Refusal } from '../brick/pv-inventory.ts';
import type { BackendChange, BackendQuota, BackendRead } from '../brick/quota-xattrs.ts';
import type { Clock } from '../lib/clock.ts';
import { errorMessage, isAgentError } from '../lib/errors.ts';
import { mapPool } from '../lib/pool.ts';
import { nothingOnDisk, planBackend } from './backend-plan.ts';
import { desiredQuota, type Desired, type LimitSource } from './desired.ts';
import { FileWishes } from './file-wishes.ts';
import { brickLimit, type QuotaLayout } from './layout.ts';
import type { QuotaBackend } from './ports.ts';
import type { QuotaFileContent } from './quota-file.ts';

/** What one PV takes on this brick. */
export interface PvMeasure {
  /** What the brick's own counter is when it is right. */
  counterBytes: bigint;
  files: number;
  /** Why the sum is too low; undefined: it is whole. */
  incomplete: string | undefined;
}

/**
 * Measures a PV's directory.
 *
 * @returns undefined when there is no such directory
 * @throws AgentError `Aborted`, `BrickHung`, `BrickIo`, `BrickFenced`
 */
export type MeasurePv = (path: string, signal: AbortSignal) => Promise<PvMeasure | undefined>;

export type OfflineOutcome =
  /** Namespace, limit and usage are on disk as they should be, or the limit is gone that was to go. */
  | 'Exact'
  /** Something on disk is not as it should be. */
  | 'Differs'
  /** Limit and namespace are right; the usage could not be measured, and what is on disk was left. */
  | 'NotMeasured'
  /** The directory is not on this brick. */
  | 'Missing'
  /** The backend refused. */
  | 'Failed';

export interface OfflinePv {
  pv: string;
  path: string;
  outcome: OfflineOutcome;
  message: string;
  source: LimitSource | undefined;
  /** All in bytes of this brick; undefined: none, or not known. */
  wantedBytes: bigint | undefined;
  onDiskBytes: bigint | undefined;
  /** What the brick would start to count from. */
  sizeBytes: bigint | undefined;
  measuredBytes: bigint | undefined;
  files: number | undefined;
}

export interface OfflineReport {
  /** PVs with a limit, with one that is to go, or with something that is wrong; by name. */
  pvs: OfflinePv[];
  refusals: readonly Refusal[];
}

export interface OfflineOptions {
  backend: QuotaBackend;
  measure: MeasurePv;
  layout: QuotaLayout;
  quotaFile: QuotaFileContent | undefined;
  clock: Clock;
  /** Whether to put right what is wrong, or only to look. */
  write: boolean;
  /** Ends the measuring; what was measured by then is still written. */
  deadline: AbortSignal;
  signal: AbortSignal;
}

/** PVs measured at the same time: two threads keep up with `du`, and more gain nothing on one disk. */
export const MEASURE_WIDTH = 2;
/** Measured sizes wait at most this long to be written, so that a killed run keeps what it did; in milliseconds. */
const FLUSH_MS = 500;

interface Subject {
  place: PvPlace;
  desired: Desired;
  read: BackendRead;
  measure: PvMeasure | undefined;
  /** Why it was not measured, or what was refused. */
  trouble: string | undefined;
}

/** @throws AgentError when the backend as a whole does not answer; one PV's failure is in its own line of the report */
export async function settleOffline(options: OfflineOptions): Promise<OfflineReport> {
  const { backend, signal, write } = options;
  const inventory = await backend.inventory(signal);
  const file = new FileWishes(options.quotaFile);
  const subjects = await readAll(options, inventory.places, file);
  // Limits first: they take a moment and hold at the next start even when the time is too short to measure.
  if (write) await applyChanges(options, subjects.flatMap(planChange));
  await measureAll(options, subjects);
  const paths = subjects.map(({ place }) => place.path);
  for (const [index, read] of (await backend.read(paths, signal)).entries()) {
    const subject = subjects[index];
    if (subject !== undefined) subject.read = read;
  }
  const pvs = subjects.flatMap((subject) => judge(subject, options.layout) ?? []);
  return {
    pvs: pvs.toSorted((a, b) => (a.pv < b.pv ? -1 : 1)),
    refusals: [...inventory.refusals, ...file.refusals()],
  };

  function planChange(subject: Subject): { subject: Subject; change: BackendChange }[] {
    const { desired, read } = subject;
    if (read.kind !== 'present') return [];
    // Nothing runs that would have to forget the limit first, so limit and record go in one step.
    if (desired.removed) return [{ subject, change: { path: read.path, limitBytes: null, record: null } }];
    const change = planBackend(desired, read.quota, options.layout);
    return change === undefined ? [] : [{ subject, change }];
  }
}

async function readAll(
  { backend, signal, layout }: OfflineOptions,
  places: readonly PvPlace[],
  file: FileWishes,
): Promise<Subject[]> {
  const reads = await backend.read(
    places.map(({ path }) => path),
    signal,
  );
  return places.map((place, index) => {
    const entry = file.take(place);
    const wishes = {
      fileBytes: entry?.limitBytes,
      softRatio: entry?.softRatio,
      kadaluBytes: place.kadaluBytes,
      // Nobody runs yet who could have asked the peers; what they want is on disk since the last run.
      peer: undefined,
    };
    const read: BackendRead = reads[index] ?? { path: place.path, kind: 'failed', message: 'no answer' };
    const quota = read.kind === 'present' ? read.quota : nothingOnDisk(place.path);
    return { place, desired: desiredQuota(quota, wishes, layout), read, measure: undefined, trouble: undefined };
  });
}

async function applyChanges(
  { backend, signal }: OfflineOptions,
  changes: readonly { subject: Subject; change: BackendChange }[],
): Promise<void> {
  if (changes.length === 0) return;
  const written = await backend.write(
    changes.map(({ change }) => change),
    signal,
  );
  for (const [index, { subject }] of changes.entries()) {
    const result = written[index];
    if (result?.kind !== 'written') subject.trouble = result?.message ?? 'no answer to the write';
  }
}

async function measureAll(options: OfflineOptions, subjects: readonly Subject[]): Promise<void> {
  const { clock, deadline, write } = options;
  let waiting: { subject: Subject; change: BackendChange }[] = [];
  let flushedAt = clock.monotonic();
  const flush = async (): Promise<void> => {
    const batch = waiting;
    waiting = [];
    flushedAt = clock.monotonic();
    await applyChanges(options, batch);
  };
  const due = subjects.filter(({ desired, read }) => desired.limitBytes !== undefined && read.kind === 'present');
  // What was small the last time first: a time limit then costs as few PVs as can be.
  const order = due.toSorted((a, b) => compare(sizeOf(a.read), sizeOf(b.read)));
  try {
    await mapPool(order, MEASURE_WIDTH, async (subject) => {
      await measureOne(subject, options.measure, deadline);
      const { measure, place, read } = subject;
      if (!write || measure === undefined || measure.incomplete !== undefined) return;
      if (sizeOf(read) === measure.counterBytes) return;
      waiting.push({ subject, change: { path: place.path, sizeBytes: measure.counterBytes } });
      if (clock.monotonic() - flushedAt >= FLUSH_MS) await flush();
    });
  } finally {
    await flush();
  }
}

async function measureOne(subject: Subject, measure: MeasurePv, deadline: AbortSignal): Promise<void> {
  if (deadline.aborted) {
    subject.trouble ??= 'the time was up';
    return;
  }
  try {
    subject.measure = await measure(subject.place.path, deadline);
    subject.trouble ??= subject.measure?.incomplete;
  } catch (error) {
    subject.trouble ??= isAgentError(error, 'Aborted') ? 'the time was up' : errorMessage(error);
  }
}

/** @returns undefined for a PV without a limit and without a fault */
function judge(subject: Subject, layout: QuotaLayout): OfflinePv | undefined {
  const { place, desired, read, measure } = subject;
  const quota = read.kind === 'present' ? read.quota : undefined;
  const view = {
    pv: place.pv,
    path: place.path,
    source: desired.source,
    wantedBytes: desired.limitBytes === undefined ? undefined : brickLimit(desired.limitBytes, layout),
    onDiskBytes: bytes(quota?.limitBytes),
    sizeBytes: bytes(quota?.sizeBytes),
    measuredBytes: measure?.incomplete === undefined ? measure?.counterBytes : undefined,
    files: measure?.files,
  };
  const is = (outcome: OfflineOutcome, message: string): OfflinePv => ({ ...view, outcome, message });
  if (read.kind === 'failed') return is('Failed', read.message);
  if (read.kind === 'missing') {
    return desired.limitBytes === undefined ? undefined : is('Missing', 'the directory is not on this brick');
  }
  if (desired.limitBytes === undefined) return judgeUnlimited(subject, read.quota, is);
  if (planBackend(desired, read.quota, layout) !== undefined) {
    const found = read.quota.limitBytes === undefined ? 'no limit' : String(read.quota.limitBytes);
    const namespace = read.quota.namespace ? '' : ' and no namespace';
    return is('Differs', subject.trouble ?? `the disk has ${found}${namespace}, wanted is ${view.wantedBytes}`);
  }
  if (view.measuredBytes === undefined) {
    return is('NotMeasured', `${subject.trouble ?? 'the directory is gone'}; the usage on disk was left as it is`);
  }
  if (view.sizeBytes !== view.measuredBytes) {
    return is(
      'Differs',
      subject.trouble ?? `the disk says ${view.sizeBytes ?? 'nothing'} used, measured are ${view.measuredBytes}`,
    );
  }
  return is('Exact', '');
}

function judgeUnlimited(
  { desired, trouble }: Subject,
  quota: BackendQuota,
  is: (outcome: OfflineOutcome, message: string) => OfflinePv,
): OfflinePv | undefined {
  if (desired.removed) {
    return quota.limitBytes === undefined
      ? is('Exact', 'the limit is removed')
      : is('Differs', trouble ?? 'the limit was removed, but that is not finished on disk');
  }
  if (quota.limitBytes === 'Malformed') return is('Differs', 'the limit on disk is not a decimal number');
  return undefined;
}

function sizeOf(read: BackendRead): bigint | undefined {
  return read.kind === 'present' ? bytes(read.quota.sizeBytes) : undefined;
}

function bytes(value: bigint | 'Malformed' | undefined): bigint | undefined {
  return typeof value === 'bigint' ? value : undefined;
}

function compare(a: bigint | undefined, b: bigint | undefined): number {
  const [left, right] = [a ?? 0n, b ?? 0n];
  return left < right ? -1 : Number(left > right);
}
