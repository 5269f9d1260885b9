import { createSocket } from 'node:dgram';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { EventListener, MAX_PER_SECOND } from '../../../src/agent/event-listener.ts';
import type { EventHint } from '../../../src/heal/gluster-event.ts';
import { silentLog } from '../../../src/lib/log.ts';

const EVENT = '1795782216 110 client-pid=-6;subvol=v;type=data;file=9684dd0c-d9db-4e43-90b4-fdd173b68f5c';

const sender = createSocket('udp4');
let listener: EventListener | undefined;
afterEach(() => listener?.close());

/** A port that nobody has at the moment. */
async function freePort(): Promise<number> {
  const socket = createSocket('udp4');
  await new Promise<void>((resolve) => socket.bind(0, '127.0.0.1', resolve));
  const { port } = socket.address();
  await new Promise<void>((resolve) => socket.close(() => resolve()));
  return port;
}

async function send(port: number, text: string): Promise<void> {
  await new Promise((resolve) => sender.send(text, port, '127.0.0.1', resolve));
}

describe('EventListener', () => {
  it('passes on what is an event, and nothing else', async () => {
    const hints: EventHint[] = [];
    const port = await freePort();
    listener = new EventListener({ port, hint: (hint) => hints.push(hint), log: silentLog });
    listener.start();
    await vi.waitFor(
      async () => {
        await send(port, 'nonsense');
        await send(port, EVENT);
        expect(hints[0]).toMatchObject({ isSplitBrain: true });
      },
      { timeout: 5000, interval: 20 },
    );
    expect(hints.every(({ subvol }) => subvol === 'v')).toBe(true);
  });

  it('hears nothing for a while after a flood', async () => {
    let heard = 0;
    const port = await freePort();
    listener = new EventListener({
      port,
      hint: () => {
        heard += 1;
      },
      log: silentLog,
    });
    listener.start();
    await vi.waitFor(
      async () => {
        for (let count = 0; count < MAX_PER_SECOND; count += 1) await send(port, EVENT);
        expect(listener?.isDeaf).toBe(true);
      },
      { timeout: 10_000, interval: 1 },
    );
    const before = heard;
    for (let count = 0; count < 10; count += 1) await send(port, EVENT);
    expect(heard).toBe(before);
  });
});
