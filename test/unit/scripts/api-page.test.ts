import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { openapi } from '../../../scripts/docs.ts';

const docs = (name: string): string => readFileSync(resolve(import.meta.dirname, '../../../docs', name), 'utf8');

describe('docs of the API', () => {
  it('docs/openapi.json is what `node scripts/docs.ts` makes from the routes', async () => {
    expect(docs('openapi.json')).toBe(await openapi());
  });

  it('docs/api.md has every route, and no other', () => {
    const { paths }: { paths: Record<string, object> } = JSON.parse(docs('openapi.json'));
    const served = Object.entries(paths).flatMap(([path, methods]) =>
      Object.keys(methods).map((method) => `${method.toUpperCase()} ${path}`),
    );
    const told = [...docs('api.md').matchAll(/^\| `([A-Z]+ \/v1\/[^`]+)` \|/gm)].flatMap(([, route]) => route ?? []);
    expect(told.toSorted()).toEqual(served.toSorted());
    expect(served.length).toBeGreaterThan(10);
  });
});
