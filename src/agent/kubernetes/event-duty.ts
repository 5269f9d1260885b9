/** Kubernetes Events of this pod: what the agent learns, told where `kubectl describe pod` shows it. Loaded only where they are on. */
import type { Clock } from '../../lib/clock.ts';
import type { Log } from '../../lib/log.ts';
import { layoutOf } from '../../quota/layout.ts';
import type { Agent } from '../agent.ts';
import type { EventsConfig } from '../config/events.ts';
import type { StartLoop } from '../quota-duty.ts';
import { KubernetesApi } from './api-client.ts';
import { EventRecorder, type EventsStatus } from './recorder.ts';
import { EventWatch, type EventSources } from './event-watch.ts';

/** Pause between two looks, in milliseconds. Volfiles have a history, so that nothing of theirs is missed in between. */
const LOOK_INTERVAL_MS = 2_000;
/** Pause between two tries to send what waits, in milliseconds; what is new is sent at once. */
const SEND_INTERVAL_MS = 5_000;

export class EventDuty {
  readonly #recorder: EventRecorder;
  readonly #watch = new EventWatch();
  readonly #clock: Clock;

  constructor({ pod, server }: EventsConfig, clock: Clock, log: Log) {
    this.#clock = clock;
    this.#recorder = new EventRecorder({ pod, api: new KubernetesApi(server), clock, log });
  }

  get status(): EventsStatus {
    return this.#recorder.status;
  }

  start(loop: StartLoop, agent: Agent): void {
    const sender = loop('kube-send', SEND_INTERVAL_MS, async (signal) => await this.#recorder.pass(signal));
    loop('kube-events', LOOK_INTERVAL_MS, async () => {
      const events = this.#watch.look(eventSources(agent), this.#clock.now());
      for (const event of events) this.#recorder.record(event);
      if (events.length > 0) sender.wake();
      await Promise.resolve();
    });
  }
}

/** From memory: waits for nothing. */
function eventSources({ config, monitor, processes, heal, splitBrain, quota, volfiles }: Agent): EventSources {
  const backlog = heal.status();
  const split = splitBrain?.status();
  const isCompared = split?.checkedAt !== undefined && split.unknown === undefined;
  const { enforcer } = quota;
  return {
    pod: {
      brickPath: config.brickPath,
      // Nothing was looked at yet, else.
      fence: monitor.conditions.length === 0 ? undefined : monitor.fence,
      shdRestarts: processes.views.find(({ process }) => process === 'shd')?.restarts,
      backlog,
      splitBrains: isCompared ? split.items.length : undefined,
      leftDirty: backlog.leftDirty?.objects,
      tampering: quota.guard === undefined ? undefined : { ...quota.guard.stats.tampering },
    },
    volfiles: volfiles?.status() ?? [],
    pvs: enforcer.hasSynced
      ? {
          layout: layoutOf(config.volumeType, config.brickIndex, config.disperseData),
          states: () => enforcer.states(),
          refusals: enforcer.refusals,
        }
      : undefined,
  };
}
