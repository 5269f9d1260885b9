/** The page as it is served: its policy, its bounds, and that who polls costs little. */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { runInNewContext } from 'node:vm';
import { beforeEach, describe, expect, it } from 'vitest';
import { SCRIPTS } from '../../../../src/agent/http/page-assets.ts';
import type { PageQuery, PageStatus } from '../../../../src/agent/http/page-status.ts';
import { pageRoutes } from '../../../../src/agent/http/routes/page.ts';
import { createServer, type Server } from '../../../../src/agent/http/server.ts';
import { silentPino } from '../../../support/fake-api.ts';
import { ManualClock } from '../../../support/manual-clock.ts';

const PAGE = resolve(import.meta.dirname, '../../../../src/agent/http/page');

let clock: ManualClock;
let asked: PageQuery[];
let volume: string;
let server: Server;

beforeEach(() => {
  clock = new ManualClock();
  asked = [];
  volume = 'pool1';
  server = createServer(silentPino);
  const status = (query: PageQuery): PageStatus => {
    asked.push(query);
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the routes pass it on as it is
    return { volume } as PageStatus;
  };
  pageRoutes(server, status, clock);
  return async () => server.close();
});

describe('GET /', () => {
  it('is one document, whose every script and style the policy names by hash, and nothing else', async () => {
    const { statusCode, headers, body } = await server.inject('/');
    expect(statusCode).toBe(200);
    expect(headers['content-type']).toBe('text/html; charset=utf-8');
    const policy = String(headers['content-security-policy']);
    const parts = [...body.matchAll(/<(script|style)>([\s\S]*?)<\/\1>/g)];
    expect(parts).toHaveLength(1 + SCRIPTS.length);
    for (const [, kind, text = ''] of parts) {
      const hash = createHash('sha256').update(text).digest('base64');
      expect(policy).toMatch(new RegExp(`${kind}-src [^;]*'sha256-${hash.replaceAll(/[+/]/g, '\\$&')}'`));
    }
    expect(policy).not.toContain('unsafe');
    for (const word of ["default-src 'none'", "frame-ancestors 'none'", "base-uri 'none'", "connect-src 'self'"]) {
      expect(policy).toContain(word);
    }
    expect(headers['x-content-type-options']).toBe('nosniff');
    // No handler, no style attribute, nothing from elsewhere.
    expect(body).not.toMatch(/ (on\w+|style)=|(src|href)="(https?:)?\/\//);
  });

  it('is sent again only when it has changed', async () => {
    const { headers } = await server.inject('/');
    const again = await server.inject({ url: '/', headers: { 'if-none-match': String(headers.etag) } });
    expect([again.statusCode, again.body]).toEqual([304, '']);
  });

  it('takes no text as markup: no script has a sink for it', () => {
    const scripts = SCRIPTS.map((name) => readFileSync(`${PAGE}/${name}`, 'utf8')).join('\n');
    expect(scripts).not.toMatch(/innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\b|new Function|srcdoc/);
  });
});

describe('GET /status.json', () => {
  it('is made once a second, however many ask', async () => {
    for (let times = 0; times < 20; times += 1)
      expect((await server.inject('/status.json')).json()).toEqual({ volume });
    expect(asked).toEqual([{ q: '', attention: false }]);
    await clock.advance(1_000);
    await server.inject('/status.json');
    expect(asked).toHaveLength(2);
  });

  it('answers 304 while nothing has changed, and 200 when something has', async () => {
    const { headers } = await server.inject('/status.json');
    const ask = async () => server.inject({ url: '/status.json', headers: { 'if-none-match': String(headers.etag) } });
    await clock.advance(1_000);
    expect((await ask()).statusCode).toBe(304);
    volume = 'pool2';
    await clock.advance(1_000);
    const changed = await ask();
    expect([changed.statusCode, changed.json()]).toEqual([200, { volume: 'pool2' }]);
    expect(changed.headers['cache-control']).toBe('no-cache');
    expect(changed.headers['x-content-type-options']).toBe('nosniff');
  });

  it('passes the filter on, and keeps the answers of different filters apart', async () => {
    await server.inject('/status.json?q=a&attention=1');
    await server.inject('/status.json?q=a');
    await server.inject('/status.json?q=1a');
    expect(asked).toEqual([
      { q: 'a', attention: true },
      { q: 'a', attention: false },
      { q: '1a', attention: false },
    ]);
  });

  it.each([
    `/status.json?q=${'x'.repeat(256)}`,
    '/status.json?attention=yes',
    '/status.json?x=1',
    '/status.json?q=a&q=b',
  ])('refuses %s', async (url) => {
    expect((await server.inject(url)).statusCode).toBe(400);
    expect(asked).toEqual([]);
  });
});

describe('numbers of the page', () => {
  const call = (expression: string): unknown =>
    runInNewContext(`${readFileSync(`${PAGE}/format.js`, 'utf8')};${expression}`);

  it.each([
    ['bytesText(0)', '0 B'],
    ['bytesText(1536)', '1.5 KiB'],
    ['bytesText(150 * 1024 ** 3)', '150 GiB'],
    ['bytesText(null)', 'unknown'],
    ['percentText(0.999)', '>99 %'],
    ['percentText(0.001)', '<1 %'],
    ['percentText(1.5)', '150 %'],
    ['durationText(-5)', '0 s'],
    ['durationText(3_725_000)', '1 h 2 min'],
    ['rateText(0.1)', '6.0/min'],
  ])('%s is %s', (expression, text) => {
    expect(call(expression)).toBe(text);
  });

  it('draws a gap where nothing is known, and stays inside the picture', () => {
    expect(call('sparkPaths([4, null, 2, 0], 4, 30, 20)')).toEqual({
      line: 'M0.0 3.0h0.1M20.0 11.0L30.0 19.0',
      area: 'M0.0 20L0.0 3.0L0.0 20ZM20.0 20L20.0 11.0L30.0 19.0L30.0 20Z',
      highest: 4,
    });
  });
});
