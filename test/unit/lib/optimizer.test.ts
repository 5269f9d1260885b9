import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import { Optimizer } from '../../../src/lib/optimizer.ts';

const run = promisify(execFile);

describe('the optimiser', () => {
  it('is on while there is work for it', () => {
    const set: boolean[] = [];
    const optimizer = new Optimizer((isOn) => set.push(isOn));
    optimizer.note(false);
    optimizer.note(true);
    optimizer.note(true);
    expect(set).toEqual([true]);
    optimizer.note(false);
    expect(set).toEqual([true, false]);
  });

  it('compiles in a process that was started without, and only there', async () => {
    const module = new URL('../../../src/lib/optimizer.ts', import.meta.url).href;
    // Bit 4 of %GetOptimizationStatus: an optimising compiler's code is in use.
    const script = `
      import { optimizer } from ${JSON.stringify(module)};
      function hot(n) { let sum = 0; for (let i = 0; i < n; i += 1) sum = (sum * 31 + i) | 0; return sum; }
      const heat = () => { for (let k = 0; k < 2000; k += 1) hot(2000); };
      const isOptimized = () => (%GetOptimizationStatus(hot) & 16) !== 0;
      heat();
      const before = isOptimized();
      optimizer.note(true);
      for (let k = 0; k < 200 && !isOptimized(); k += 1) { heat(); await new Promise((resolve) => setTimeout(resolve, 5)); }
      console.log(JSON.stringify([before, isOptimized()]));`;
    const flags = ['--allow-natives-syntax', '--max-opt=1', '--input-type=module', '--eval', script];
    const { stdout } = await run(process.execPath, flags);
    expect(JSON.parse(stdout)).toEqual([false, true]);
  });
});
