import { describe, expect, it } from 'vitest';
import { MAX_PROBLEMS, MAX_VOLFILE_BYTES, parseText, parseVolfile } from '../../../src/volfile/parse.ts';
import { BROKEN_SAMPLES, edit, GOOD_SAMPLES, graphOf, sample, sampleBytes } from './samples.ts';

function firstProblem(text: string): unknown {
  const result = parseText(text);
  return result.ok ? undefined : result.problems[0];
}

describe('parseVolfile', () => {
  it.each(GOOD_SAMPLES)('reads %s', (name) => {
    expect(parseVolfile(sampleBytes(name))).toMatchObject({ ok: true });
  });

  it.each(BROKEN_SAMPLES)('refuses broken/%s with the id of its name', (name) => {
    const result = parseVolfile(sampleBytes(`broken/${name}`));
    expect(result.ok ? [] : result.problems.map(({ id }) => id)).toContain(name.slice(0, 5));
  });

  it('keeps volumes, options and subvolumes in their order, with their places', () => {
    const graph = graphOf(sample('replica-brick.vol'));
    expect(graph.volumes.map(({ name }) => name)).toEqual([
      'vol1-posix',
      'vol1-access-control',
      'vol1-locks',
      'vol1-simple-quota',
      'vol1-io-threads',
      'vol1-index',
      '/bricks/vol1/data/brick',
      'vol1-server',
    ]);
    const posix = graph.byName.get('vol1-posix');
    expect(posix).toMatchObject({ type: 'storage/posix', at: { line: 2, column: 1 }, subvolumes: [] });
    expect([...(posix?.options.values() ?? [])]).toEqual([
      { key: 'directory', value: '/bricks/vol1/data/brick', at: { line: 4, column: 5 } },
      { key: 'volume-id', value: '6f1d2c3b-4a59-4e68-8f70-112233445566', at: { line: 5, column: 5 } },
    ]);
  });

  it('cares for words, not for lines', () => {
    const graph = graphOf('volume a type x/y option k v end-volume volume b type x/y subvolumes\na\nend-volume # z');
    expect(graph.volumes.map(({ name, subvolumes }) => [name, subvolumes])).toEqual([
      ['a', []],
      ['b', ['a']],
    ]);
  });

  it('reads quoted strings, comments and carriage returns', () => {
    const graph = graphOf(
      'volume "a b"\r\n type x/y # comment\r\n option "k\\"1" "# no \\\\ comment"\r\nend-volume\r\n',
    );
    expect([...(graph.byName.get('a b')?.options.values() ?? [])]).toMatchObject([
      { key: 'k"1', value: String.raw`# no \ comment` },
    ]);
  });

  it('takes a hash inside a word for part of it, and a quoted keyword for a word', () => {
    const graph = graphOf('volume a#1 type x/y option "type" "end-volume" end-volume');
    expect(graph.byName.get('a#1')?.options.get('type')?.value).toBe('end-volume');
  });

  it('lets the last of several equal options count, and remembers the others', () => {
    const graph = graphOf('volume a type x/y option k 1 option k 2 end-volume');
    expect(graph.byName.get('a')?.options.get('k')?.value).toBe('2');
    expect(graph.byName.get('a')?.overridden).toMatchObject([{ key: 'k', value: '1' }]);
  });

  it('tells where the fault is', () => {
    const text = edit(sample('replica-brick.vol'), 'option thread-count 16', 'option thread-count');
    expect(firstProblem(text)).toMatchObject({ id: 'VF001', line: 26, column: 5, severity: 'error' });
    expect(firstProblem('volume a\n  type x/y\n  option k `v`\nend-volume')).toMatchObject({
      id: 'VF003',
      line: 3,
      column: 12,
    });
  });

  it('reports one fault once, and goes on to the next volume', () => {
    const text =
      'volume a type x/y option k end-volume volume b type x/y subvolumes a end-volume volume c type end-volume';
    const result = parseText(text);
    expect(result.ok ? [] : result.problems.map(({ id, column }) => [id, column])).toEqual([
      ['VF001', 19],
      ['VF001', 90],
    ]);
  });

  it('names control characters and quotes names in its messages', () => {
    expect(firstProblem('volume a\u0007')).toMatchObject({ id: 'VF002', message: 'the control character U+0007' });
    expect(JSON.stringify(firstProblem(`volume a type x/y subvolumes ${'x'.repeat(500)} end-volume`))).toContain('...');
  });

  it('bounds size and number of problems', () => {
    const result = parseVolfile(Buffer.alloc(MAX_VOLFILE_BYTES + 1, 'a'));
    expect(result).toMatchObject({ ok: false, problems: [{ id: 'VF004' }] });
    const many = parseText('end-volume\n'.repeat(1000));
    expect(many.ok ? 0 : many.problems.length).toBe(MAX_PROBLEMS);
    const inOne = parseText(`volume b type x/y subvolumes ${'a '.repeat(1000)} end-volume`);
    expect(inOne.ok ? 0 : inOne.problems.length).toBe(MAX_PROBLEMS);
  });

  it('tells of stray signs alone, wherever they stand', () => {
    const result = parseText(`${'end-volume '.repeat(100)}\n\\ ""`);
    expect(result.ok ? [] : result.problems.map(({ id, line, column }) => [id, line, column])).toEqual([
      ['VF001', 2, 1],
      ['VF007', 2, 3],
    ]);
  });

  it('reads a file of a million bytes in reasonable time', () => {
    const volume = (index: number): string =>
      `volume v${index}\n type x/y\n option k ${index}\n${index > 0 ? ` subvolumes v${index - 1}\n` : ''}end-volume\n`;
    const text = Array.from({ length: 12_000 }, (_, index) => volume(index)).join('');
    expect(graphOf(text).volumes).toHaveLength(12_000);
  });
});
