import { fc } from '@fast-check/vitest';
import { describe, expect, it } from 'vitest';
import type { Graph } from '../../../src/volfile/model.ts';
import { parseText, parseVolfile } from '../../../src/volfile/parse.ts';
import { printGraph } from '../../../src/volfile/print.ts';
import { GOOD_SAMPLES, sample } from '../../unit/volfile/samples.ts';

/** Any text the grammar can carry: no control characters, no backticks, not empty. */
const word = fc.oneof(
  fc
    .string({ unit: 'grapheme', minLength: 1, maxLength: 12 })
    .filter((text) => !/[\p{Cc}`]/u.test(text) && text.isWellFormed()),
  fc.constantFrom('volume', 'type', 'option', 'subvolumes', 'subvolumeS', 'end-volume', '#', 'a#b', '"', '\\', ' '),
);

const graph = fc.uniqueArray(word, { minLength: 1, maxLength: 8 }).chain((names) =>
  fc.tuple(
    ...names.map((name, index) =>
      fc.record({
        name: fc.constant(name),
        type: word,
        options: fc.uniqueArray(fc.tuple(word, word), { selector: ([key]) => key, minLength: 1, maxLength: 5 }),
        subvolumes: fc.subarray(names.slice(0, index)),
      }),
    ),
  ),
);

/** The graph without places in the file. */
function meaning({ volumes }: Graph): unknown {
  return volumes.map(({ name, type, options, subvolumes }) => ({
    name,
    type,
    options: [...options.values()].map(({ key, value }) => [key, value]),
    subvolumes,
  }));
}

function parsed(text: string): Graph {
  const result = parseText(text);
  if (!result.ok) throw new Error(`${JSON.stringify(result.problems)} in ${text}`);
  return result.graph;
}

describe('print and parse', () => {
  it('reads a printed graph back as it was', () => {
    const at = { line: 1, column: 1 };
    fc.assert(
      fc.property(graph, (drafts) => {
        const volumes = drafts.map(({ name, type, options, subvolumes }) => {
          const entries = new Map(options.map(([key, value]) => [key, { key, value, at }]));
          return { name, type, options: entries, overridden: [], subvolumes, at };
        });
        const made: Graph = { volumes, byName: new Map(volumes.map((volume) => [volume.name, volume])) };
        const text = printGraph(made);
        expect(meaning(parsed(text))).toEqual(meaning(made));
        expect(printGraph(parsed(text))).toBe(text);
      }),
      { numRuns: 300 },
    );
  });
});

/** Whether the parser gave its own result, and nothing but that. */
function isOwnResult(bytes: Uint8Array): boolean {
  const result = parseVolfile(bytes);
  if (result.ok) {
    const { volumes, byName } = result.graph;
    return volumes.length > 0 && volumes.every(({ subvolumes }) => subvolumes.every((name) => byName.has(name)));
  }
  return (
    result.problems.length > 0 &&
    result.problems.every(({ id, severity, message }) => {
      return /^VF00\d$/.test(id) && severity === 'error' && !/\p{Cc}/u.test(message);
    })
  );
}

const edits = fc.array(
  fc.record({
    at: fc.double({ min: 0, max: 1, noNaN: true }),
    cut: fc.nat({ max: 40 }),
    put: fc.oneof(
      fc.string({ maxLength: 8 }),
      fc.constantFrom('"', '\\', '#', '`', '\n', 'volume ', 'end-volume ', '\0'),
    ),
  }),
  { minLength: 1, maxLength: 4 },
);

const FUZZ_BYTES = 10_000_000;
/** Bytes that mean something to the parser come more often. */
const SIGNS = Buffer.from('"\\#`\n\r\t \0volume type option subvolumes end-volume');

/** xorshift32: numbers from 0 up to the bound, without it. */
function generator(seed: number): (bound: number) => number {
  let state = seed | 1;
  return (bound) => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) % bound;
  };
}

function noise(random: (bound: number) => number): Buffer {
  const isLoud = random(2) === 0;
  return Buffer.from(
    Array.from({ length: 1 + random(2000) }, () => (isLoud ? random(256) : (SIGNS[random(SIGNS.length)] ?? 0))),
  );
}

/** A volfile with up to eight faults: a byte changed, a piece cut out, a piece repeated elsewhere. */
function damaged(text: Buffer, random: (bound: number) => number): Buffer {
  let result = Buffer.from(text);
  for (let faults = 1 + random(8); faults > 0; faults -= 1) {
    const at = random(result.length);
    const end = at + random(60);
    const kind = random(3);
    if (kind === 0) result[at] = SIGNS[random(SIGNS.length)] ?? 0;
    else if (kind === 1) result = Buffer.concat([result.subarray(0, at), result.subarray(end)]);
    else result = Buffer.concat([result.subarray(0, at), result.subarray(at, end), result.subarray(at)]);
    if (result.length === 0) return Buffer.of(0);
  }
  return result;
}

describe('hostile input', () => {
  it('survives any bytes', () => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 400 }), isOwnResult), { numRuns: 500 });
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 400 }), (text) => isOwnResult(Buffer.from(text))),
      { numRuns: 500 },
    );
    expect(isOwnResult(new Uint8Array())).toBe(true);
  });

  it('survives ten million bytes', () => {
    // A generator of our own: fast-check's would take longer than the parser. The seed is told when it fails.
    const seed = Date.now() & 0x7fffffff;
    const random = generator(seed);
    const texts = GOOD_SAMPLES.map((name) => Buffer.from(sample(name)));
    let bytes = 0;
    for (let round = 0; bytes < FUZZ_BYTES; round += 1) {
      const input = round % 4 === 0 ? noise(random) : damaged(texts[round % texts.length] ?? Buffer.of(), random);
      bytes += input.length;
      if (!isOwnResult(input)) throw new Error(`seed ${seed}, round ${round}: ${input.toString('base64')}`);
    }
    expect(bytes).toBeGreaterThanOrEqual(FUZZ_BYTES);
  }, 300_000);

  it('survives mutated volfiles', () => {
    const mutated = fc.property(fc.constantFrom(...GOOD_SAMPLES), edits, (name, changes) => {
      let text = sample(name);
      for (const { at, cut, put } of changes) {
        const offset = Math.floor(at * text.length);
        text = text.slice(0, offset) + put + text.slice(offset + cut);
      }
      return isOwnResult(Buffer.from(text));
    });
    expect(() => fc.assert(mutated, { numRuns: 500 })).not.toThrow();
  });
});
