import { globSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { LATE } from '../../../scripts/load-late.ts';

describe('modules that a bundle loads late', () => {
  it.each(Object.entries(LATE))('%s has all that the sources use of it, and nothing else', (module, names) => {
    const used = new Set<string>();
    for (const file of globSync('src/**/*.ts')) {
      for (const [, list = ''] of readFileSync(file, 'utf8').matchAll(
        new RegExp(`^import \\{([^}]*)\\} from '${module}';`, 'gm'),
      )) {
        for (const name of list.split(',').map((part) => part.trim())) {
          if (name !== '' && !name.startsWith('type ')) used.add(name);
        }
      }
      // Nothing else than names in braces can be loaded late.
      expect(readFileSync(file, 'utf8')).not.toMatch(new RegExp(`^import [^{]* from '${module}'`, 'm'));
    }
    expect([...names].toSorted()).toEqual([...used].toSorted());
  });
});
