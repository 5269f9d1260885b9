import { createHash } from 'node:crypto';
import { Type } from 'typebox';
import type { Clock } from '../../../lib/clock.ts';
import { assemblePage, type PageDocument } from '../page-assets.ts';
import type { PageQuery, PageStatus } from '../page-status.ts';
import type { Server } from '../server.ts';

/** Longest name of a PV. */
const MAX_FILTER = 255;
/** Everybody who asks within this time gets the same answer, in milliseconds: who polls costs no more than one does. */
const FRESH_MS = 1_000;
/** Answers that are kept, one a filter. */
const MAX_KEPT = 4;

const querySchema = Type.Object(
  { q: Type.Optional(Type.String({ maxLength: MAX_FILTER })), attention: Type.Optional(Type.Enum(['0', '1'])) },
  { additionalProperties: false },
);

/** For every answer: what a browser may do with it is the least. */
const HEADERS = {
  'cache-control': 'no-cache',
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
  'referrer-policy': 'no-referrer',
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'DENY',
};

/** `GET /` is the status page, `GET /status.json` what it polls. */
export function pageRoutes(server: Server, status: (query: PageQuery) => PageStatus, clock: Clock): void {
  let page: PageDocument | undefined;
  server.get('/', async (request, reply) => {
    page ??= assemblePage();
    reply.headers({ ...HEADERS, etag: page.etag, 'content-security-policy': page.policy });
    if (request.headers['if-none-match'] === page.etag) return await reply.code(304).send();
    return await reply.type('text/html; charset=utf-8').send(page.html);
  });

  const answers = new Answers(status, clock);
  server.get('/status.json', { schema: { querystring: querySchema } }, async (request, reply) => {
    const { q = '', attention } = request.query;
    const { body, etag } = answers.of({ q, attention: attention === '1' });
    reply.headers({ ...HEADERS, etag, 'content-security-policy': "default-src 'none'" });
    if (request.headers['if-none-match'] === etag) return await reply.code(304).send();
    return await reply.type('application/json; charset=utf-8').send(body);
  });
}

interface Answer {
  at: number;
  body: string;
  etag: string;
}

/** The last answers, by their filter. */
class Answers {
  readonly #kept = new Map<string, Answer>();
  readonly #status: (query: PageQuery) => PageStatus;
  readonly #clock: Clock;

  constructor(status: (query: PageQuery) => PageStatus, clock: Clock) {
    this.#status = status;
    this.#clock = clock;
  }

  of(query: PageQuery): Answer {
    const key = `${query.attention ? 1 : 0}${query.q}`;
    const now = this.#clock.monotonic();
    const known = this.#kept.get(key);
    if (known !== undefined && now - known.at < FRESH_MS) return known;
    const body = JSON.stringify(this.#status(query));
    const etag = `"${createHash('sha256').update(body).digest('base64url').slice(0, 22)}"`;
    // As the newest, so that the first is the oldest.
    this.#kept.delete(key);
    this.#kept.set(key, { at: now, body, etag });
    for (const [oldest] of this.#kept) {
      if (this.#kept.size <= MAX_KEPT) break;
      this.#kept.delete(oldest);
    }
    return { at: now, body, etag };
  }
}
