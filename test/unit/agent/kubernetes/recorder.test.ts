import { describe, expect, it } from 'vitest';
import type { ApiRequest, ApiResult } from '../../../../src/agent/kubernetes/api-client.ts';
import type { AgentEvent } from '../../../../src/agent/kubernetes/event-kinds.ts';
import { EventRecorder, MAX_QUEUE, MAX_TRIES } from '../../../../src/agent/kubernetes/recorder.ts';
import { SERIES_MS, UPDATE_MS } from '../../../../src/agent/kubernetes/series.ts';
import { silentLog } from '../../../../src/lib/log.ts';
import { POD } from '../../../support/fake-kube.ts';
import { ManualClock } from '../../../support/manual-clock.ts';

const PATH = '/apis/events.k8s.io/v1/namespaces/gluster/events';
const FENCED: AgentEvent = { reason: 'BrickFenced', about: 'why', note: 'nothing is written', isFirst: false };

const answered = (status: number, message = '', retryAfterMs?: number): ApiResult => ({
  kind: 'Answered',
  status,
  message,
  retryAfterMs,
});
const created = answered(201);

/** The looks whether events may be written are left out unless a test is about them. */
class Scene {
  readonly clock = new ManualClock();
  readonly requests: ApiRequest[] = [];
  readonly looks: ApiRequest[] = [];
  readonly warnings: string[] = [];
  /** In order; the last stays. */
  answers: ApiResult[] = [created];
  look: (request: ApiRequest) => ApiResult = ({ method }) => (method === 'POST' ? created : answered(404));
  readonly recorder = new EventRecorder({
    pod: POD,
    clock: this.clock,
    random: () => 0,
    log: { ...silentLog, warn: (_facts, message) => this.warnings.push(message) },
    api: {
      send: async (request) => {
        if (request.path.includes('dryRun')) {
          this.looks.push(request);
          return await Promise.resolve(this.look(request));
        }
        this.requests.push(request);
        const [answer = created] = this.answers;
        if (this.answers.length > 1) this.answers.shift();
        return await Promise.resolve(answer);
      },
    },
  });

  async pass(waitMs = 0): Promise<void> {
    await this.clock.advance(waitMs);
    await this.recorder.pass(new AbortController().signal);
  }

  async record(event: AgentEvent, waitMs = 0): Promise<void> {
    await this.clock.advance(waitMs);
    this.recorder.record(event);
    await this.pass();
  }

  names(): unknown[] {
    return this.requests.map(({ path, body }) =>
      path === PATH ? Object(Object(body).metadata).name : path.slice(PATH.length + 1),
    );
  }
}

describe('EventRecorder', () => {
  it('creates an event, and patches the count of its series', async () => {
    const scene = new Scene();
    await scene.record(FENCED);
    await scene.record(FENCED, 5);
    await scene.pass(UPDATE_MS);
    expect(scene.requests).toMatchObject([
      { method: 'POST', path: PATH, body: { reason: 'BrickFenced', regarding: { uid: POD.uid } } },
      { method: 'PATCH', body: { series: { count: 2, lastObservedTime: '2023-11-14T22:13:20.005000Z' } } },
    ]);
    expect(new Set(scene.names()).size).toBe(1);
    expect(scene.recorder.status).toMatchObject({ sent: 2, failed: 0, trouble: undefined });
  });

  it('creates the series anew when the event has expired', async () => {
    const scene = new Scene();
    scene.answers = [created, answered(404), created, answered(200)];
    await scene.record(FENCED);
    await scene.record(FENCED);
    await scene.record(FENCED, UPDATE_MS);
    expect(scene.requests.map(({ method }) => method)).toEqual(['POST', 'PATCH', 'POST', 'PATCH']);
    expect(scene.requests[2]?.body).toMatchObject({ series: { count: 2 } });
    expect(scene.requests[3]?.body).toMatchObject({ series: { count: 3 } });
    const [first, , again, last] = scene.names();
    expect(again).not.toBe(first);
    expect(last).toBe(again);
    expect(scene.recorder.status).toMatchObject({ sent: 3, failed: 0 });
  });

  it('does not tell again what an agent before it has told', async () => {
    const [before, after] = [new Scene(), new Scene()];
    await before.record(FENCED);
    await after.clock.advance(7_000);
    after.answers = [answered(409, 'already exists'), answered(409), created];
    await after.record({ ...FENCED, isFirst: true, note: 'the same with other counts' });
    expect(after.names()).toEqual(before.names());
    // The server has told already: nothing to do and nothing wrong.
    expect(after.recorder.status).toMatchObject({ sent: 0, failed: 0, trouble: undefined });
    // From then on it is news, as an event of its own: how often the other agent has told is not known here.
    await after.record(FENCED, 1);
    const [first, second, third] = after.names();
    expect(second).toBe(first);
    expect(third).not.toBe(first);
    expect(after.requests.map(({ method }) => method)).toEqual(['POST', 'POST', 'POST']);
    expect(after.recorder.status).toMatchObject({ sent: 1, failed: 0 });
  });

  it('takes a conflict after a try without an answer for its own', async () => {
    const scene = new Scene();
    scene.answers = [{ kind: 'NoAnswer', message: 'no answer within 10000 ms' }, answered(409), answered(200)];
    await scene.record(FENCED);
    await scene.pass(60_000);
    expect(scene.recorder.status).toMatchObject({ sent: 1, failed: 0 });
    await scene.record(FENCED, 1);
    expect(scene.requests.at(-1)).toMatchObject({ method: 'PATCH' });
  });

  it.each([400, 403, 404, 422])(
    'gives an event up that is refused with %i, and goes on with the next',
    async (status) => {
      const scene = new Scene();
      scene.answers = [answered(status, 'no'), created];
      scene.recorder.record(FENCED);
      scene.recorder.record({ ...FENCED, reason: 'BrickUnfenced' });
      await scene.pass();
      expect(scene.requests).toHaveLength(2);
      expect(scene.recorder.status).toMatchObject({ sent: 1, failed: 1, trouble: undefined });
      expect(scene.warnings).toEqual([`an event cannot be written: the API server answers ${status}: no`]);
    },
  );

  it.each([
    ['a token that is just renewed', answered(401)],
    ['a server that fails', answered(500)],
    ['no answer', { kind: 'NoAnswer', message: 'ECONNREFUSED' } as const],
    ['no token yet', { kind: 'NoCredentials', message: 'token: ENOENT' } as const],
  ])('tries again after %s, with pauses, and logs it once', async (_what, failure) => {
    const scene = new Scene();
    scene.answers = [failure, failure, failure, created];
    await scene.record(FENCED);
    await scene.pass();
    expect(scene.requests).toHaveLength(1);
    for (let second = 0; second < 30; second += 1) await scene.pass(1_000);
    expect(scene.requests).toHaveLength(4);
    expect(new Set(scene.names()).size).toBe(1);
    expect(scene.warnings).toHaveLength(1);
    expect(scene.recorder.status).toMatchObject({ sent: 1, failed: 0, trouble: undefined });
  });

  it('waits as long as it is asked to', async () => {
    const scene = new Scene();
    scene.answers = [answered(429, 'slow down', 120_000), created];
    await scene.record(FENCED);
    await scene.pass(119_000);
    expect(scene.requests).toHaveLength(1);
    await scene.pass(1_000);
    expect(scene.requests).toHaveLength(2);
  });

  it('gives an event up after some tries, and keeps no more of them than the queue holds', async () => {
    const scene = new Scene();
    scene.answers = [answered(503)];
    const kinds = ['BrickFenced', 'PvOverLimit', 'HealStalled', 'VolfileRejected'] as const;
    for (let index = 0; index < 1000; index += 1) {
      scene.recorder.record({ reason: kinds[index % 4] ?? 'BrickFenced', about: `${index}`, note: '', isFirst: false });
    }
    for (let minute = 0; minute < MAX_TRIES; minute += 1) await scene.pass(61_000);
    expect(scene.requests).toHaveLength(MAX_TRIES);
    expect(scene.recorder.status).toMatchObject({ sent: 0, failed: 1, trouble: { reason: 'ServerError' } });
    expect(MAX_QUEUE).toBeGreaterThanOrEqual(100);
  });

  it('goes on with a series after it was given up', async () => {
    const scene = new Scene();
    scene.answers = [answered(403), created];
    await scene.record(FENCED);
    await scene.record(FENCED, SERIES_MS / 2);
    expect(scene.requests.map(({ method }) => method)).toEqual(['POST', 'POST']);
  });

  describe('looks whether events may be written, without writing one', () => {
    it('once', async () => {
      const scene = new Scene();
      await scene.pass();
      await scene.pass(600_000);
      expect(scene.looks.map(({ method, path }) => [method, path])).toEqual([
        ['POST', `${PATH}?dryRun=All`],
        ['PATCH', `${PATH}/pool1-0.may-write?dryRun=All`],
      ]);
      expect(scene.requests).toEqual([]);
      expect(scene.recorder.status).toMatchObject({ sent: 0, trouble: undefined, lastSuccessAt: expect.any(Number) });
    });

    it.each(['POST', 'PATCH'])('until %s is allowed', async (forbidden) => {
      const scene = new Scene();
      const { look } = scene;
      scene.look = (request) => (request.method === forbidden ? answered(403, 'User cannot') : look(request));
      await scene.pass();
      expect(scene.recorder.status.trouble).toMatchObject({
        reason: 'Forbidden',
        message: 'the API server answers 403: User cannot',
        remedy: expect.stringContaining('verbs [create, patch]'),
      });
      await scene.pass(10_000);
      expect(scene.looks).toHaveLength(2);
      scene.look = look;
      await scene.pass(60_000);
      expect(scene.recorder.status.trouble).toBeUndefined();
      expect(scene.recorder.status).toMatchObject({ sent: 0, failed: 0 });
    });

    it('not where an event has shown it already', async () => {
      const scene = new Scene();
      await scene.record(FENCED);
      expect(scene.looks).toEqual([]);
    });
  });

  it('ends with its signal, and counts nothing for it', async () => {
    const stop = new AbortController();
    let asked = 0;
    const recorder = new EventRecorder({
      pod: POD,
      clock: new ManualClock(),
      log: silentLog,
      api: {
        send: async () => {
          asked += 1;
          stop.abort();
          return await Promise.resolve({ kind: 'NoAnswer', message: 'aborted' });
        },
      },
    });
    recorder.record(FENCED);
    await recorder.pass(stop.signal);
    expect(asked).toBe(1);
    expect(recorder.status).toMatchObject({ sent: 0, failed: 0, trouble: undefined });
  });
});
