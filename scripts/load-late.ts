/** Has a bundle load modules when something of them is used for the first time, where a running agent seldom or never does. */
import type { Plugin } from 'esbuild';

/**
 * What the program uses of each. A start loads a native module for xattrs in 8 ms, which the threads of the brick use and the main thread for commands on
 * a stopped brick only, and YAML in 10 ms, for who has a quota file or a configuration file; the others are for a support bundle, and for Gluster's own
 * events, which are off unless set.
 */
export const LATE: Record<string, readonly string[]> = {
  'fs-xattr': ['getAttributeSync', 'listAttributesSync', 'removeAttributeSync', 'setAttributeSync'],
  'node:zlib': ['createGzip'],
  'node:dgram': ['createSocket'],
  yaml: ['LineCounter', 'isMap', 'isNode', 'isScalar', 'isSeq', 'parse', 'parseDocument'],
};

/** What the parser of the command line uses to start programs of their own, which are none here. */
export const LATE_FOR_PACKAGES: Record<string, readonly string[]> = { 'node:child_process': ['spawn'] };

const NAMESPACE = 'load-late';

const ALL = { ...LATE, ...LATE_FOR_PACKAGES };
/** Lies outside of the bundle; what does not is in it, unused until asked for. */
const OUTSIDE = /^(node:|fs-xattr$)/;

export const loadLate: Plugin = {
  name: 'load-late',
  setup(build) {
    build.onResolve({ filter: /.*/ }, ({ path, namespace }) => {
      if (ALL[path] === undefined) return undefined;
      if (namespace !== NAMESPACE) return { path, namespace: NAMESPACE };
      return OUTSIDE.test(path) ? { path, external: true } : undefined;
    });
    build.onLoad({ filter: /.*/, namespace: NAMESPACE }, ({ path }) => ({
      contents: (ALL[path] ?? []).map((name) => getter(path, name)).join('\n'),
      resolveDir: process.cwd(),
    }));
  },
};

function getter(path: string, name: string): string {
  return `Object.defineProperty(exports, '${name}', { enumerable: true, get: () => require('${path}').${name} });`;
}
