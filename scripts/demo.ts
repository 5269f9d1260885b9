/**
 * `make demo`: the agent on real bricks, step by step. Every line with a tick was checked; when something is not so, the demo
 * says what and ends with 1. `make demo KEEP=1` leaves everything up until it is told to stop.
 */
import { once } from 'node:events';
import { resolve } from 'node:path';
import { errorMessage } from '../src/lib/errors.ts';
import { Lab } from '../test/lab/lab.ts';
import { killAndHeal } from './demo/heal.ts';
import { showPlaces } from './demo/places.ts';
import { fillAndResize, limitPvs } from './demo/quota.ts';
import { Stage } from './demo/stage.ts';
import { startSidecars, startVolume } from './demo/start.ts';
import { tamper } from './demo/tamper.ts';
import { changeVolfiles } from './demo/volfile.ts';

/** What a shell shows for a process that ended by Ctrl-C. */
const EXIT_INTERRUPTED = 130;

/** The longest that setInterval takes. */
const MAX_TIMER_MS = 2 ** 31 - 1;

const stage = new Stage();

async function play(lab: Lab): Promise<0> {
  const clients = await startVolume(stage, lab);
  const sidecars = await startSidecars(stage, { lab, ...clients });
  const stagehands = { lab, ...clients, ...sidecars };
  const world = { ...stagehands, ...(await limitPvs(stage, stagehands)) };
  await fillAndResize(stage, world);
  await tamper(stage, world);
  await killAndHeal(stage, world);
  await changeVolfiles(stage, world);
  await showPlaces(stage, world);
  return 0;
}

async function interrupted(): Promise<typeof EXIT_INTERRUPTED> {
  await Promise.race([once(process, 'SIGINT'), once(process, 'SIGTERM')]);
  return EXIT_INTERRUPTED;
}

async function inLab(lab: Lab, stop: Promise<number>): Promise<number> {
  const code = await outcome(lab, stop);
  if (code === 0) stage.end(`${stage.checks} claims checked in ${stage.elapsed}.`);
  if (code !== EXIT_INTERRUPTED && ['1', 'yes', 'true'].includes(process.env['KEEP'] ?? '')) {
    stage.end(`All of it stays up, in ${lab.dir}. This line stops it and removes everything:`);
    stage.command(`kill ${process.pid}`);
    // A promise alone does not keep a process alive, and the lab's processes do not either.
    const alive = setInterval(() => undefined, MAX_TIMER_MS);
    await stop;
    clearInterval(alive);
  }
  return code;
}

async function outcome(lab: Lab, stop: Promise<number>): Promise<number> {
  try {
    const code = await Promise.race([play(lab), stop]);
    if (code !== 0) stage.failed('interrupted');
    return code;
  } catch (error) {
    stage.failed(errorMessage(error));
    return 1;
  }
}

/** @returns the exit code */
async function main(): Promise<number> {
  process.chdir(resolve(import.meta.dirname, '..'));
  const stop = interrupted();
  let code = 1;
  let lab: Lab | undefined;
  try {
    lab = await Lab.create({ name: 'demo' });
    code = await inLab(lab, stop);
  } catch (error) {
    stage.failed(errorMessage(error));
  }
  try {
    await lab?.destroy();
    if (lab !== undefined) stage.end('Nothing is left running or mounted.');
  } catch (error) {
    stage.failed(errorMessage(error));
    code = 1;
  }
  return code;
}

// A step that was interrupted may still wait for something that is gone now: it must not keep the demo alive.
process.exit(await main());
