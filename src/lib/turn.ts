import { setImmediate } from 'node:timers/promises';

/**
 * Lets the event loop look for answers between two pieces of work that take milliseconds each. Twice: what is set to run at once comes before the loop looks,
 * where it was set while an answer was taken.
 */
export async function turn(): Promise<void> {
  await setImmediate();
  await setImmediate();
}
