/**
 * An Event of events.k8s.io/v1 as it goes over the wire. Limits are the API server's own (validation of Kubernetes 1.19 to 1.34): a note of 1024 bytes, reason,
 * action and instance of 128, a series of at least two, times with six digits behind the point.
 */
import { createHash } from 'node:crypto';
import { EVENT_KINDS, type AgentEvent } from './event-kinds.ts';

export const MAX_NOTE_BYTES = 1024;
const MAX_INSTANCE_BYTES = 128;
/** Of a DNS subdomain, which a name has to be. */
const MAX_NAME_LENGTH = 253;
const CONTROLLER = 'gluster-brick-agent';

export interface PodIdentity {
  name: string;
  namespace: string;
  uid: string;
  /** Of the node; undefined: the pod stands for it. */
  node: string | undefined;
}

export interface EventSeries {
  count: number;
  lastObservedTime: string;
}

export interface EventBody {
  apiVersion: 'events.k8s.io/v1';
  kind: 'Event';
  metadata: { name: string; namespace: string };
  eventTime: string;
  reportingController: string;
  reportingInstance: string;
  regarding: { apiVersion: 'v1'; kind: 'Pod'; name: string; namespace: string; uid: string };
  type: 'Normal' | 'Warning';
  reason: string;
  action: string;
  note: string;
  series?: EventSeries;
}

export interface EventFacts {
  name: string;
  event: Pick<AgentEvent, 'reason' | 'note'>;
  /** Wall-clock milliseconds of the first time. */
  at: number;
  series: EventSeries | undefined;
}

export function eventBody(pod: PodIdentity, { name, event, at, series }: EventFacts): EventBody {
  const { type, action } = EVENT_KINDS[event.reason];
  return {
    apiVersion: 'events.k8s.io/v1',
    kind: 'Event',
    metadata: { name, namespace: pod.namespace },
    eventTime: microTime(at),
    reportingController: CONTROLLER,
    reportingInstance: cutBytes(`${CONTROLLER}-${pod.node ?? pod.name}`, MAX_INSTANCE_BYTES),
    regarding: { apiVersion: 'v1', kind: 'Pod', name: pod.name, namespace: pod.namespace, uid: pod.uid },
    type,
    reason: event.reason,
    action,
    note: noteOf(event.note),
    ...(series === undefined ? {} : { series }),
  };
}

/** MicroTime, which the API server reads with six digits and no other number of them. @param at wall-clock milliseconds */
export function microTime(at: number): string {
  return new Date(at).toISOString().replace('Z', '000Z');
}

/** One line that fits, without control characters and those that turn text around. */
export function noteOf(text: string): string {
  const line = text.toWellFormed().replaceAll(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]+/gu, ' ');
  return Buffer.byteLength(line) <= MAX_NOTE_BYTES ? line : `${cutBytes(line, MAX_NOTE_BYTES - 3)}...`;
}

/** The longest beginning that takes no more bytes of UTF-8, and ends with a whole character. @param text well-formed */
export function cutBytes(text: string, bytes: number): string {
  const encoded = Buffer.from(text);
  if (encoded.length <= bytes) return text;
  let end = bytes;
  // What follows must not be the rest of a character.
  while (end > 0 && ((encoded[end] ?? 0) & 0xc0) === 0x80) end -= 1;
  return encoded.toString('utf8', 0, end);
}

/** @param unique within the pod's life */
export function eventName(pod: PodIdentity, unique: string): string {
  const stem = pod.name.slice(0, MAX_NAME_LENGTH - unique.length - 1).replace(/[-.]+$/, '');
  return `${stem}.${unique}`;
}

/** The same for the same event of the same pod, by whichever agent. */
export function stableName(pod: PodIdentity, { reason, about }: Pick<AgentEvent, 'reason' | 'about'>): string {
  const digest = createHash('sha256')
    .update(JSON.stringify([pod.uid, reason, about]))
    .digest('hex');
  return eventName(pod, digest.slice(0, 20));
}
