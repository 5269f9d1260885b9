/** What the Events of Kubernetes need of the configuration. */
import { AgentError } from '../../lib/errors.ts';
import type { Config } from './load.ts';

export interface EventsConfig {
  pod: { name: string; namespace: string; uid: string; node: string | undefined };
  server: { host: string; port: number; serviceAccountDir: string };
}

/** @returns undefined where they are off */
export function eventsConfig(config: Config): EventsConfig | undefined {
  if (config.kubernetesEvents === 'off') return undefined;
  const { podName: name, podNamespace: namespace, podUid: uid, nodeId: node, kubernetesHost: host } = config;
  if (name === undefined || namespace === undefined || uid === undefined || host === undefined) {
    throw new AgentError('Internal', 'Events are on without what they need');
  }
  const { kubernetesPort: port, serviceAccountDir } = config;
  return { pod: { name, namespace, uid, node }, server: { host, port, serviceAccountDir } };
}
