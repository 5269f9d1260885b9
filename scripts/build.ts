/** Bundles the agent: dist/main.js and its worker threads, with fs-xattr, a native module, left outside. */
import { chmodSync, readFileSync, rmSync } from 'node:fs';
import { build } from 'esbuild';

const { version }: { version: string } = JSON.parse(readFileSync('package.json', 'utf8'));

rmSync('dist', { recursive: true, force: true });
const result = await build({
  entryPoints: {
    main: 'src/main.ts',
    'brick-worker': 'src/brick/worker/thread.ts',
    'scan-worker': 'src/brick/scan/thread.ts',
  },
  outdir: 'dist',
  bundle: true,
  platform: 'node',
  format: 'esm',
  target: 'node24',
  minify: true,
  keepNames: true,
  sourcemap: 'linked',
  legalComments: 'linked',
  metafile: true,
  external: ['fs-xattr'],
  define: { 'process.env.BRICK_AGENT_VERSION': JSON.stringify(version) },
  // Bundled CommonJS packages ask for node: modules through require, which an ES module does not have.
  banner: { js: "import { createRequire } from 'node:module'; const require = createRequire(import.meta.url);" },
});
// Its first line names the interpreter and its flags: it is started as a program.
chmodSync('dist/main.js', 0o755);
for (const [file, { bytes }] of Object.entries(result.metafile.outputs)) {
  if (file.endsWith('.js')) console.log(`${file}  ${(bytes / 1024).toFixed(0)} KiB`);
}
