/** Bundles the agent: dist/main.js, which loads dist/program.js and what is compiled of it, its worker threads and the parts of its status page, with fs-xattr, a native module, left outside. */
import { spawnSync } from 'node:child_process';
import { chmodSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { extname, resolve } from 'node:path';
import { build, transform, type BuildOptions } from 'esbuild';
import { WRAPPER } from '../src/lib/cached-script.ts';
import { defines } from './defines.ts';
import { leaveOut } from './leave-out.ts';
import { loadLate } from './load-late.ts';

const { version }: { version: string } = JSON.parse(readFileSync('package.json', 'utf8'));

rmSync('dist', { recursive: true, force: true });
const options = {
  outdir: 'dist',
  bundle: true,
  platform: 'node',
  // Not an ES module: to import node:http there loads all that it could export, a WebSocket client of 12 MB among it.
  format: 'cjs',
  target: 'node24',
  // Names stay as they are, for stack traces: to give them back costs a call for each function at every start.
  minifyWhitespace: true,
  minifySyntax: true,
  sourcemap: 'linked',
  legalComments: 'linked',
  metafile: true,
  external: ['fs-xattr'],
  define: defines(version),
  banner: { js: "const importMetaUrl = require('node:url').pathToFileURL(__filename).href;" },
} satisfies BuildOptions;
const results = [
  await build({ ...options, entryPoints: { program: 'src/program.ts' }, plugins: [leaveOut, loadLate] }),
  await build({
    ...options,
    entryPoints: {
      main: 'src/main.ts',
      'brick-worker': 'src/brick/worker/thread.ts',
      'scan-worker': 'src/brick/scan/thread.ts',
    },
    plugins: [leaveOut],
  }),
];
// The package around it is one of ES modules.
writeFileSync('dist/package.json', '{ "type": "commonjs" }\n');
// Its first line names the interpreter and its flags: it is started as a program.
chmodSync('dist/main.js', 0o755);
for (const [file, { bytes }] of results.flatMap(({ metafile }) => Object.entries(metafile.outputs))) {
  if (file.endsWith('.js')) console.log(`${file}  ${(bytes / 1024).toFixed(0)} KiB`);
}
await buildPage('src/agent/http/page', 'dist/page');
wrap('dist/program.js');
compile('dist/main.js');

/** On the first line, so that a line of the file is a line of the source map. */
function wrap(file: string): void {
  const [head, tail] = WRAPPER;
  writeFileSync(file, `${head}${readFileSync(file, 'latin1')}${tail}`, 'latin1');
}

/** With the interpreter and its flags as they stand in the program's first line: compiled code is for these only. */
function compile(main: string): void {
  const [, interpreter] = /^#!\S+ -S (.*)/.exec(readFileSync(main, 'latin1')) ?? [];
  if (interpreter === undefined) throw new Error(`${main}: its first line names no interpreter`);
  const script = resolve(import.meta.dirname, 'code-cache.ts');
  const stdio = ['ignore', 'ignore', 'inherit'] as const;
  const { status, error } = spawnSync('env', ['-S', `${interpreter} ${script}`], { stdio: [...stdio] });
  if (error !== undefined || status !== 0) throw new Error(`${script} failed`, { cause: error });
}

/** The parts of the status page lie beside the bundle as they lie beside the source, only smaller. */
async function buildPage(from: string, to: string): Promise<void> {
  mkdirSync(to, { recursive: true });
  let bytes = 0;
  for (const file of readdirSync(from)) {
    const text = await shrink(readFileSync(`${from}/${file}`, 'utf8'), extname(file));
    if (text === undefined) continue;
    writeFileSync(`${to}/${file}`, text);
    bytes += Buffer.byteLength(text);
  }
  console.log(`${to}  ${(bytes / 1024).toFixed(0)} KiB`);
}

/** Names of scripts are kept: they share one scope. @returns undefined for what is no part of the page */
async function shrink(text: string, extension: string): Promise<string | undefined> {
  switch (extension) {
    case '.html':
      return text.replaceAll(/\n\s+/g, '\n');
    case '.css':
      return (await transform(text, { loader: 'css', minify: true })).code;
    case '.js':
      return (await transform(text, { loader: 'js', minifyWhitespace: true, minifySyntax: true })).code;
    default:
      return undefined;
  }
}
