/** Runs of the quota model on real bricks, one after the other, until the time is over. */
import * as fc from 'fast-check';
import { limits, type PvOperation } from './quota-model.ts';
import { Subject, type World } from './quota-subject.ts';

/** Operations between two rest points. */
const BETWEEN_RESTS = 7;

/**
 * Each run is a check with a seed of its own, which alone shows a failure again (QUOTA_MODEL_SEED). A run that was begun is waited for: how long one takes
 * depends on its tricks and on what else the machine does. To try a smaller one after a failure would take as long again each time.
 *
 * @param length operations of a run, at least 8
 * @param timeLimitMs no run is begun after this
 */
export async function runQuotaModel(
  world: World,
  operations: fc.Arbitrary<PvOperation>,
  length: { minLength: number; maxLength: number },
  timeLimitMs: number,
): Promise<{ runs: number; rests: number }> {
  const given = process.env['QUOTA_MODEL_SEED'];
  const first = given === undefined ? Date.now() % 2 ** 31 : Number(given);
  let runs = 0;
  let rests = 0;
  const property = fc.asyncProperty(
    fc.array(operations, length),
    limits,
    fc.boolean(),
    async (all, limit, isSetOnAll) => {
      runs += 1;
      const subject = await Subject.create(world, `pvc-model-${runs}`, limit, isSetOnAll);
      for (const [index, operation] of all.entries()) {
        await subject.apply(operation);
        if (index % BETWEEN_RESTS !== BETWEEN_RESTS - 1 && index !== all.length - 1) continue;
        await subject.rest();
        rests += 1;
      }
    },
  );
  const until = performance.now() + timeLimitMs;
  do await fc.assert(property, { seed: first + runs, numRuns: 1, endOnFailure: true });
  while (performance.now() < until);
  process.stdout.write(`quota model: ${runs} runs, ${rests} rest points, QUOTA_MODEL_SEED=${first}\n`);
  return { runs, rests };
}
