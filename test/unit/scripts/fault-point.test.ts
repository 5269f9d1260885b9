import { build } from 'esbuild';
import { expect, it } from 'vitest';
import { defines } from '../../../scripts/defines.ts';

it('is not in the program that is shipped', async () => {
  const { outputFiles } = await build({
    stdin: {
      contents: `import { faultPoint } from './src/lib/fault-point.ts'; faultPoint('disk-limit');`,
      resolveDir: '.',
    },
    bundle: true,
    format: 'cjs',
    minifySyntax: true,
    write: false,
    define: defines('1'),
  });
  const [{ text } = { text: undefined }] = outputFiles;
  expect(text).toBeDefined();
  for (const word of ['DIES_AT', 'disk-limit', 'kill']) expect(text).not.toContain(word);
});
