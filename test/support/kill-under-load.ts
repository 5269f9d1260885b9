/** A brick dies while clients write, comes back while they write, and is healed: what every layout with copies has to bear. */
import { expect } from 'vitest';
import type { Brick } from '../lab/brick.ts';
import { brickDifferences, pendingHeals } from '../lab/inspect.ts';
import type { Lab } from '../lab/lab.ts';
import type { Mount } from '../lab/mount.ts';
import type { Volume } from '../lab/volume.ts';
import { ClientLoad } from './client-load.ts';
import { expectNoErrorsBut } from './in-flight.ts';

/** Enough that each of the load's three tenants has come round some times. */
const SOME_OPERATIONS = 60;
/** Between two requests to heal what a daemon has left, as entries of objects that are gone, which its next crawl removes. */
const PATIENCE_MS = 4_000;

/**
 * @param bricks that die, no more of a set than it can spare
 * @param looks what an agent beside another brick of each set says of its backlog: `Progressing`, `Complete`, …
 * @returns the bricks that died and run again
 * @param startHeal the daemon's next crawl by itself may be 10 minutes away
 */
export async function killUnderLoad(
  lab: Lab,
  volume: Volume,
  client: Mount,
  bricks: readonly Brick[],
  looks: readonly (() => Promise<string>)[],
  startHeal: () => void,
): Promise<Brick[]> {
  const allSay = async (state: string): Promise<boolean> =>
    (await Promise.all(looks.map(async (look) => look()))).every((said) => said === state);
  const healed = (): Brick[] => bricks.filter(({ running }) => running);
  const load = new ClientLoad(`${client.path}/load`);
  await load.start();
  const goOn = async (): Promise<void> => {
    const from = load.operations;
    await lab.waitFor('the load to go on', () => load.operations > from + SOME_OPERATIONS);
  };
  await goOn();
  await Promise.all(bricks.map(async (brick) => brick.kill('SIGKILL')));
  await lab.waitFor('the backlog', async () => allSay('Progressing'));
  await goOn();
  await Promise.all(bricks.map(async (brick) => brick.start()));
  await client.waitConnected();
  await goOn();
  const { errors } = await load.end();
  expectNoErrorsBut(errors, 1);
  let askedAt = performance.now();
  await lab.waitFor(
    'the heal',
    async () => {
      if (performance.now() - askedAt > PATIENCE_MS) {
        askedAt = performance.now();
        startHeal();
      }
      const isComplete = await allSay('Complete');
      return isComplete && (await pendingHeals(volume)) === 0;
    },
    { timeoutMs: 60_000 },
  );
  expect(load.files).toBeGreaterThan(10);
  expect(await brickDifferences(volume)).toEqual([]);
  if (volume.spec.type !== 'disperse') {
    expect(await load.missingIn(`${client.path}/load`)).toEqual([]);
    return healed();
  }
  // Of fragments only a read tells whether they are right, one that cannot do without those that were healed.
  const other = volume.bricks.find((brick) => !bricks.includes(brick));
  if (other === undefined) throw new Error('no brick is left');
  await other.kill('SIGKILL');
  const reader = await volume.mount();
  expect(await load.missingIn(`${reader.path}/load`)).toEqual([]);
  await reader.unmount();
  await other.start();
  await client.waitConnected();
  return healed();
}
