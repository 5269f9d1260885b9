/**
 * The volfiles that glusterd 11.1 itself wrote after `gluster volume create` of each type, with paths, host and credentials
 * replaced. They are for another set-up than ours, so some of them have something to be said of; but nothing is wrong in them.
 */
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { lintVolfile } from '../../../src/volfile/lint/lint.ts';
import { roleOf } from '../../../src/volfile/model.ts';
import { printGraph } from '../../../src/volfile/print.ts';
import { graphOf, sample, sampleBytes } from './samples.ts';

const FILES = readdirSync(join(import.meta.dirname, '../../samples/volfiles/glusterd'));

/** By what the file is for: pass-through is glusterd's default, and ports are what clients ask glusterd for. */
const TOLD: Record<string, string[]> = {
  brick: ['VF141', 'VF150'],
  shd: ['VF208'],
  client: ['VF208'],
};

describe('what glusterd writes', () => {
  it('is there for each type of volume and each role', () => {
    expect(FILES.toSorted()).toEqual([
      'arbiter-brick.vol',
      'arbiter-client.vol',
      'arbiter-shd.vol',
      'disperse-brick.vol',
      'disperse-client.vol',
      'disperse-shd.vol',
      'distribute-brick.vol',
      'distribute-client.vol',
      'distributed-replica-brick.vol',
      'distributed-replica-client.vol',
      'distributed-replica-shd.vol',
      'replica-brick.vol',
      'replica-client.vol',
      'replica-shd.vol',
    ]);
  });

  it.each(FILES)('%s: its role is known, it can be printed and read again, and no error is found', (file) => {
    const name = `glusterd/${file}`;
    const graph = graphOf(sample(name));
    const role = roleOf(graph);
    if (role === 'unknown') throw new Error('its role is not known');
    expect(file).toContain(`-${role}.vol`);
    const printed = printGraph(graph);
    expect(printGraph(graphOf(printed))).toBe(printed);
    const { problems } = lintVolfile(sampleBytes(name), {
      role,
      expected: {},
      gluster: '11',
      xlators: undefined,
    });
    expect(problems.filter(({ severity }) => severity === 'error')).toEqual([]);
    // An option of simple-quota that glusterd writes for volumes of one set, and the translator does not know.
    const unknown = problems.filter(({ id }) => id === 'VF303');
    for (const { message } of unknown) expect(message).toContain('"no-distribute"');
    const rest = problems.filter(({ id }) => id !== 'VF303').map(({ id }) => id);
    expect([...new Set(rest)].toSorted()).toEqual(TOLD[role]);
  });
});
