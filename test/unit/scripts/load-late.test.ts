import { globSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { LATE, LATE_FOR_PACKAGES } from '../../../scripts/load-late.ts';

describe('modules that a bundle loads late', () => {
  it.each(Object.entries(LATE))('%s has all that the sources use of it, and nothing else', (module, names) => {
    const used = new Set<string>();
    for (const file of globSync('src/**/*.ts')) {
      for (const [, list = ''] of readFileSync(file, 'utf8').matchAll(
        new RegExp(`^import \\{([^}]*)\\} from '${module}';`, 'gm'),
      )) {
        for (const name of list.split(',').map((part) => part.trim())) {
          const [imported = ''] = name.split(' as ');
          if (name !== '' && !name.startsWith('type ')) used.add(imported);
        }
      }
      // Nothing else than names in braces can be loaded late.
      expect(readFileSync(file, 'utf8')).not.toMatch(new RegExp(`^import [^{]* from '${module}'`, 'm'));
    }
    expect([...names].toSorted()).toEqual([...used].toSorted());
  });

  it.each(Object.entries(LATE_FOR_PACKAGES))('%s has all that the packages use of it', (module, names) => {
    const used = new Set<string>();
    for (const file of globSync('node_modules/commander/lib/*.js')) {
      const source = readFileSync(file, 'utf8');
      const [, local] = new RegExp(`^import (\\w+) from '${module}';`, 'm').exec(source) ?? [];
      if (local === undefined) continue;
      for (const [, name = ''] of source.matchAll(new RegExp(`\\b${local}\\.(\\w+)`, 'g'))) used.add(name);
    }
    expect([...names]).toEqual([...used]);
  });
});
