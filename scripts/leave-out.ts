/** Leaves modules out of a bundle that packages load and this program never calls. */
import type { Plugin } from 'esbuild';

/**
 * CommonJS cannot be shaken, and what is loaded stays resident beside every brick: servers of HTTPS and HTTP/2, the compilers in whose place
 * src/agent/http/compilers.ts stands, tests' requests without a socket, log transports in threads, commands that are programs of their own, and
 * what the metrics library has for clusters, push gateways and metrics of its own.
 */
const NEVER_CALLED = [
  /^(node:)?(https|http2|child_process)$/,
  /^@fastify\/(ajv-compiler|fast-json-stringify-compiler)$/,
  /^light-my-request$/,
  /^thread-stream$/,
  /^@opentelemetry\/api$/,
];

/** Files of the metrics library, as its index asks for them. */
const METRICS_LIBRARY = {
  index: /node_modules\/prom-client\/index\.js$/,
  file: /^\.\/lib\/(pushgateway|cluster|worker|defaultMetrics|summary)$/,
};

const NAMESPACE = 'left-out';

export const leaveOut: Plugin = {
  name: 'leave-out',
  setup(build) {
    build.onResolve({ filter: /.*/ }, ({ path, kind, importer }) =>
      kind === 'require-call' && isNeverCalled(path, importer) ? { path, namespace: NAMESPACE } : undefined,
    );
    build.onLoad({ filter: /.*/, namespace: NAMESPACE }, ({ path }) => ({ contents: standIn(path) }));
  },
};

function isNeverCalled(path: string, importer: string): boolean {
  if (METRICS_LIBRARY.index.test(importer)) return METRICS_LIBRARY.file.test(path);
  return NEVER_CALLED.some((name) => name.test(path));
}

/** May be loaded and looked at as a module; who asks for anything in it, or calls it, is told by name. */
function standIn(path: string): string {
  const message = JSON.stringify(`${path} is left out of this program, see scripts/leave-out.ts`);
  return `module.exports = new Proxy(function () {}, {
    get(target, key) {
      if (typeof key === 'symbol' || key === '__esModule' || key === 'default') return undefined;
      throw new Error(${message} + ': asked for ' + String(key));
    },
    apply() { throw new Error(${message}); },
    construct() { throw new Error(${message}); },
  });`;
}
