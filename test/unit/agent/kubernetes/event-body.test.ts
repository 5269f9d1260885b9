import type { Event } from 'kubernetes-types/events/v1.d.ts';
import { fc } from '@fast-check/vitest';
import { describe, expect, it } from 'vitest';
import {
  cutBytes,
  eventBody,
  eventName,
  stableName,
  MAX_NOTE_BYTES,
  microTime,
  noteOf,
  type EventBody,
} from '../../../../src/agent/kubernetes/event-body.ts';
import { EVENT_KINDS, type EventReason } from '../../../../src/agent/kubernetes/event-kinds.ts';
import { refusalsOfEvent } from '../../../support/event-schema.ts';
import { POD } from '../../../support/fake-kube.ts';

const REASONS = Object.keys(EVENT_KINDS).filter((name): name is EventReason => name in EVENT_KINDS);
const anyText = fc.oneof(fc.string({ unit: 'binary', maxLength: 3000 }), fc.string({ maxLength: 3000 }));
const series = { count: 2, lastObservedTime: microTime(1_767_323_045_123) };

describe('eventBody', () => {
  it('is an Event as Kubernetes’ own types have it', () => {
    const body = eventBody(POD, { name: 'pool1-0.1', event: { reason: 'BrickFenced', note: 'no' }, at: 0, series });
    // The compiler knows every field that is missing, wrong, or not of an Event.
    const event: Event = body;
    const unknownFields: Exclude<keyof EventBody, keyof Event>[] = [];
    expect(unknownFields).toEqual([]);
    expect(event).toEqual({
      apiVersion: 'events.k8s.io/v1',
      kind: 'Event',
      metadata: { name: 'pool1-0.1', namespace: 'gluster' },
      eventTime: '1970-01-01T00:00:00.000000Z',
      reportingController: 'gluster-brick-agent',
      reportingInstance: 'gluster-brick-agent-node-a',
      regarding: { apiVersion: 'v1', kind: 'Pod', name: POD.name, namespace: POD.namespace, uid: POD.uid },
      type: 'Warning',
      reason: 'BrickFenced',
      action: 'Fence',
      note: 'no',
      series: { count: 2, lastObservedTime: '2026-01-02T03:04:05.123000Z' },
    });
  });

  it.each(REASONS)('is taken by an API server: %s', (reason) => {
    const body = eventBody(POD, { name: 'pool1-0.1', event: { reason, note: 'text' }, at: Date.now(), series });
    expect(refusalsOfEvent(body, POD.namespace)).toEqual([]);
    expect(reason).toMatch(/^([A-Z][a-z]+)+$/);
  });

  it('is taken whatever the note says and the pod is called', () => {
    fc.assert(
      fc.property(
        fc.record({
          note: anyText,
          reason: fc.constantFrom(...REASONS),
          name: fc.stringMatching(/^[a-z0-9]([-a-z0-9.]{0,200}[a-z0-9])?$/).filter((name) => !/\.[-.]|-\./.test(name)),
          node: fc.option(fc.string({ maxLength: 300 }), { nil: undefined }),
          at: fc.date({ min: new Date(0), max: new Date('2500-01-01'), noInvalidDate: true }),
        }),
        ({ note, reason, name, node, at }) => {
          const pod = { ...POD, name, node };
          for (const unique of [eventName(pod, 'may-write'), stableName(pod, { reason, about: note })]) {
            const body = eventBody(pod, { name: unique, event: { reason, note }, at: at.getTime(), series: undefined });
            expect(refusalsOfEvent(JSON.parse(JSON.stringify(body)), POD.namespace)).toEqual([]);
          }
        },
      ),
    );
  });
});

describe('noteOf', () => {
  it('fits, is one line, and is cut between characters', () => {
    fc.assert(
      fc.property(anyText, (text) => {
        const note = noteOf(text);
        expect(Buffer.byteLength(note)).toBeLessThanOrEqual(MAX_NOTE_BYTES);
        expect(note.isWellFormed()).toBe(true);
        expect(note).not.toMatch(/[\p{Cc}\p{Cf}]/u);
        const line = text.toWellFormed().replaceAll(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]+/gu, ' ');
        if (note === line) return;
        expect(note.endsWith('...')).toBe(true);
        expect(line.startsWith(note.slice(0, -3))).toBe(true);
        // No more was cut than had to be.
        expect(Buffer.byteLength(note)).toBeGreaterThan(MAX_NOTE_BYTES - 4);
      }),
    );
  });

  it('counts bytes, not characters', () => {
    expect(noteOf('€'.repeat(341))).toHaveLength(341);
    expect(noteOf('€'.repeat(342))).toBe(`${'€'.repeat(340)}...`);
    expect(cutBytes('a😀', 4)).toBe('a');
  });
});

describe('names', () => {
  it('are the same for the same event of the same pod, whatever its note says', () => {
    const name = stableName(POD, { reason: 'PvOverLimit', about: 'pvc-1' });
    expect(stableName(POD, { reason: 'PvOverLimit', about: 'pvc-1' })).toBe(name);
    expect(stableName(POD, { reason: 'PvOverLimit', about: 'pvc-2' })).not.toBe(name);
    expect(stableName({ ...POD, uid: 'another' }, { reason: 'PvOverLimit', about: 'pvc-1' })).not.toBe(name);
    expect(name).toMatch(/^pool1-0\.[0-9a-f]{20}$/);
  });
});
