import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';

const PROJECT = resolve(import.meta.dirname, '../../..');
const PAGES = [
  'README.md',
  'CONTRIBUTING.md',
  'CHANGELOG.md',
  'test/lab/README.md',
  ...readdirSync(join(PROJECT, 'docs'), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.md'))
    .map((name) => join('docs', name)),
];

const read = (page: string): string => readFileSync(join(PROJECT, page), 'utf8');

/** The anchor that a heading gets, as GitHub makes it. */
function anchor(heading: string): string {
  const plain = heading.toLowerCase().replaceAll(/[^\p{L}\p{N} _-]/gu, '');
  return plain.trim().replaceAll(' ', '-');
}

function brokenLinks(page: string): string[] {
  const links = [...read(page).matchAll(/\]\(([^)\s]+)\)/g)].flatMap(([, link]) => link ?? []);
  return links.filter((link) => {
    if (/^https?:/.test(link)) return false;
    const [path = '', wanted] = link.split('#');
    const target = path === '' ? page : relative(PROJECT, resolve(PROJECT, dirname(page), path));
    if (!existsSync(join(PROJECT, target))) return true;
    if (wanted === undefined) return false;
    return ![...read(target).matchAll(/^#+ (.*)$/gm)].some(([, heading = '']) => anchor(heading) === wanted);
  });
}

describe('the pages', () => {
  it.each(PAGES)('%s has no link that leads nowhere', (page) => {
    expect(brokenLinks(page)).toEqual([]);
  });

  it('operations.md has every reason for which a brick is fenced', () => {
    const source = read('src/brick/identity.ts');
    const judged = [...source.matchAll(/status: '(?:False|Unknown)', reason: '(\w+)'/g)].flatMap(
      ([, reason]) => reason ?? [],
    );
    const reasons = new Set(judged);
    expect(reasons.size).toBeGreaterThan(8);
    const page = read('docs/operations.md');
    // Where /proc is not mounted the message says so.
    expect([...reasons].filter((reason) => reason !== 'NoProc' && !page.includes(reason))).toEqual([]);
  });
});
