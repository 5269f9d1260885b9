/** A scrape as one text. */
import type { MetricsRegistry, ScrapeRequest } from '../../src/metrics/registry.ts';

const PATIENCE_MS = 10_000;

export async function rendered(registry: MetricsRegistry, request: Partial<ScrapeRequest> = {}): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of registry.render({ format: 'text', budgetMs: PATIENCE_MS, ...request })) {
    // It is overwritten by later ones.
    chunks.push(Buffer.from(chunk));
  }
  return Buffer.concat(chunks).toString('utf8');
}
