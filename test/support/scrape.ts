/** A scrape as one text. */
import type { MetricsRegistry, ScrapeRequest } from '../../src/metrics/registry.ts';

const PATIENCE_MS = 10_000;

export async function rendered(registry: MetricsRegistry, request: Partial<ScrapeRequest> = {}): Promise<string> {
  let latin1 = '';
  for await (const piece of registry.render({ format: 'text', budgetMs: PATIENCE_MS, ...request })) latin1 += piece;
  return Buffer.from(latin1, 'latin1').toString('utf8');
}
