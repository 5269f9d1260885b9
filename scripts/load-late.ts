/** Has a bundle load modules when something of them is used for the first time, where a running agent seldom or never does. */
import type { Plugin } from 'esbuild';

/**
 * What the program uses of each. A start loads a native module for xattrs in 8 ms, which the threads of the brick use and the main thread for commands on
 * a stopped brick only; the others are for a support bundle, and for Gluster's own events, which are off unless set.
 */
export const LATE: Record<string, readonly string[]> = {
  'fs-xattr': ['getAttributeSync', 'listAttributesSync', 'removeAttributeSync', 'setAttributeSync'],
  'node:zlib': ['createGzip'],
  'node:dgram': ['createSocket'],
};

const NAMESPACE = 'load-late';

export const loadLate: Plugin = {
  name: 'load-late',
  setup(build) {
    build.onResolve({ filter: /.*/ }, ({ path, namespace }) => {
      if (LATE[path] === undefined) return undefined;
      return namespace === NAMESPACE ? { path, external: true } : { path, namespace: NAMESPACE };
    });
    build.onLoad({ filter: /.*/, namespace: NAMESPACE }, ({ path }) => ({
      contents: (LATE[path] ?? []).map((name) => getter(path, name)).join('\n'),
    }));
  },
};

function getter(path: string, name: string): string {
  return `Object.defineProperty(exports, '${name}', { enumerable: true, get: () => require('${path}').${name} });`;
}
