/** What a scrape of many PVs takes an agent with the flags that it is shipped with, on the way that Prometheus takes, and how long it holds up who else waits for the agent. */
import { benchLine, type BenchLine } from './line.ts';
import { scrapePvs } from './scrape-world.ts';

/** Of the 10 s that Prometheus gives, one in a hundred; a probe has 1 s. In milliseconds. */
const BUDGET_MS = 100;
const SMALL_BUDGET_MS = 10;
const DELAY_BUDGET_MS = 25;
/** Of one core, in milliseconds. */
const CPU_BUDGET_MS = 50;
const SCRAPES = 200;

export async function metricsScrape(): Promise<BenchLine[]> {
  const small = await scrapePvs(1_000, SCRAPES);
  const large = await scrapePvs(10_000, SCRAPES);
  return [
    benchLine('metrics.scrape-1000', small.p99Ms, SMALL_BUDGET_MS, 'ms', 'budget, 99 of 100 scrapes'),
    benchLine('metrics.scrape-10000', large.p99Ms, BUDGET_MS, 'ms', 'budget, 99 of 100 scrapes'),
    benchLine('metrics.scrape-cpu-10000', large.cpuMs, CPU_BUDGET_MS, 'ms', 'budget, CPU of one scrape'),
    benchLine(
      'metrics.scrape-loop-delay-10000',
      large.loopDelayP99Ms,
      DELAY_BUDGET_MS,
      'ms',
      'budget, 99 of 100 delays',
    ),
  ];
}

if (import.meta.main) for (const line of await metricsScrape()) console.log(JSON.stringify(line));
