import { execFile } from 'node:child_process';
import { readFileSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { Container, ServiceAccount } from 'kubernetes-types/core/v1.d.ts';
import type { Role, RoleBinding } from 'kubernetes-types/rbac/v1.d.ts';
import { describe, expect, it } from 'vitest';
import { parseAllDocuments } from 'yaml';
import { eventsConfig } from '../../../src/agent/config/events.ts';
import { loadConfig, type Config } from '../../../src/agent/config/load.ts';
import { configOptions } from '../../../src/agent/config/schema.ts';
import { errorMessage } from '../../../src/lib/errors.ts';
import { lintVolfile } from '../../../src/volfile/lint/lint.ts';
import { TemporaryDirectory } from '../../support/temporary.ts';
import { argument, container, podSpec, PROJECT, readManifest, volfiles, type KubernetesObject } from './manifest.ts';

/** Where kubernetes-types keeps each kind. */
const MODULES: Record<string, string> = {
  v1: 'core/v1',
  'apps/v1': 'apps/v1',
  'policy/v1': 'policy/v1',
  'rbac.authorization.k8s.io/v1': 'rbac/v1',
};

/** The objects as literals of their types: the compiler then knows every unknown, missing and wrong field. */
function typed(objects: readonly KubernetesObject[]): string {
  const lines = objects.map(({ apiVersion, kind }, index) => {
    const literal = JSON.stringify(objects[index], null, 2);
    return `import type { ${kind} as Kind${index} } from 'kubernetes-types/${MODULES[apiVersion]}.d.ts';
export const object${index}: Kind${index} = ${literal};`;
  });
  return lines.join('\n');
}

async function compile(directory: string): Promise<string> {
  const options = ['--noEmit', '--strict', '--module', 'nodenext', '--allowImportingTsExtensions', '--pretty', 'false'];
  try {
    await promisify(execFile)(join(PROJECT, 'node_modules/.bin/tsc'), [...options, 'good.ts', 'bad.ts'], {
      cwd: directory,
    });
    return '';
  } catch (error) {
    return error instanceof Error && 'stdout' in error ? String(error.stdout) : errorMessage(error);
  }
}

/** What the agent in the manifest is told. */
function environment(): Record<string, string> {
  const entries = (container('brick-agent').env ?? []).map(({ name, value, valueFrom }): [string, string] => [
    name,
    value ?? DOWNWARD[valueFrom?.fieldRef?.fieldPath ?? ''] ?? '',
  ]);
  return { ...Object.fromEntries(entries), HOSTNAME: 'pool1-0', KUBERNETES_SERVICE_HOST: '10.96.0.1' };
}

/** What the kubelet puts in. */
const DOWNWARD: Record<string, string> = {
  "metadata.labels['apps.kubernetes.io/pod-index']": '0',
  'spec.nodeName': 'node-a',
  'metadata.name': 'pool1-0',
  'metadata.namespace': 'gluster',
  'metadata.uid': '0b7f4f0e-41a7-4b39-9d0a-0f1e6f6f4a11',
};

function config(): Config {
  return loadConfig({ flags: {}, env: environment() });
}

/** Where the agent finds the file that a container reads with -f: below the brick's disk, of which the container sees a part. */
function staged(process: Container): string | undefined {
  const file = argument(process, '-f');
  const mount = process.volumeMounts?.find(({ mountPath, subPath }) => subPath && file?.startsWith(`${mountPath}/`));
  if (mount === undefined) return undefined;
  const root = container('brick-agent').volumeMounts?.find(({ name }) => name === mount.name);
  return file?.replace(mount.mountPath, `${root?.mountPath}/${mount.subPath}`);
}

function isServiceAccount(object: KubernetesObject): object is KubernetesObject & ServiceAccount {
  return object.kind === 'ServiceAccount';
}

function isRole(object: KubernetesObject): object is KubernetesObject & Role {
  return object.kind === 'Role';
}

function isRoleBinding(object: KubernetesObject): object is KubernetesObject & RoleBinding {
  return object.kind === 'RoleBinding';
}

describe('deploy/replica-3.yaml', () => {
  it('has no field that Kubernetes does not know, and none of a wrong type', async () => {
    using directory = new TemporaryDirectory('manifest');
    symlinkSync(join(PROJECT, 'node_modules'), join(directory.path, 'node_modules'));
    directory.write('package.json', '{"type":"module"}');
    directory.write('good.ts', typed(readManifest()));
    directory.write(
      'bad.ts',
      typed(readManifest()).replace('"readinessProbe"', '"readynessProbe"').replace('"replicas": 3', '"replicas": "3"'),
    );
    const errors = await compile(directory.path);
    expect(errors.split('\n').filter((line) => line.startsWith('good.ts'))).toEqual([]);
    // That the compiler looks at all.
    expect(errors).toContain('readynessProbe');
    expect(errors).toContain("Type 'string' is not assignable to type 'number'");
  });

  it('sets only what the agent knows', () => {
    const known = new Set(configOptions.flatMap(({ env, kadaluEnv }) => [env, kadaluEnv]));
    const names = (container('brick-agent').env ?? []).map(({ name }) => name);
    expect(names.filter((name) => !known.has(name))).toEqual([]);
    expect(names.length).toBeGreaterThan(5);
  });

  it('makes a configuration that the agent accepts', () => {
    expect(config()).toMatchObject({ volume: 'pool1', volumeType: 'Replica3', shdExpected: true });
  });

  it('has lines for TLS that make a configuration which the agent accepts, and mounts for them', () => {
    const text = readFileSync(join(PROJECT, 'deploy/replica-3.yaml'), 'utf8').replaceAll(
      /^( +)# (- \{ name: )/gm,
      '$1$2',
    );
    const offered = [...text.matchAll(/^ +- \{ name: (BRICK_AGENT_\w+), value: (\S+) \}$/gm)];
    const env = Object.fromEntries(offered.map(([, name = '', value]) => [name, value]));
    const flags = { peers: config().peers ?? '', apiTokenFile: config().apiTokenFile ?? '' };
    const { volume, volumeId, volumeType, brickPath } = config();
    const own = { VOLUME: volume, VOLUME_ID: volumeId, VOLUME_TYPE: volumeType, BRICK_PATH: brickPath };
    const directory = '/etc/brick-agent-tls';
    expect(loadConfig({ flags, env: { ...own, ...env } })).toMatchObject({
      apiTlsCertFile: `${directory}/tls.crt`,
      apiTlsKeyFile: `${directory}/tls.key`,
      apiTlsClientCaFile: `${directory}/ca.crt`,
      peerCaFile: `${directory}/ca.crt`,
    });
    expect(text).toContain(`- { name: agent-tls, mountPath: ${directory}, readOnly: true }`);
    expect(text).toContain('- { name: agent-tls, secret: { secretName: pool1-agent-tls, ');
    expect(parseAllDocuments(text).flatMap(({ errors }) => errors)).toEqual([]);
  });

  it('tells the agent the places that the processes use', () => {
    const { brickSocket, brickPidFile, brickLogFile, shdSocket, shdPidFile, shdLogFile, volfileStaging } = config();
    const [brick, shd] = [container('brick'), container('shd')];
    expect(argument(brick, '-S')).toBe(brickSocket);
    expect(argument(brick, '-p')).toBe(brickPidFile);
    expect(argument(brick, '-l')).toBe(brickLogFile);
    expect(staged(brick)).toBe(`${volfileStaging}/${config().brickVolfile}`);
    expect(argument(brick, '--brick-name')).toBe(config().brickName);
    expect(argument(shd, '-S')).toBe(shdSocket);
    expect(argument(shd, '-p')).toBe(shdPidFile);
    expect(argument(shd, '-l')).toBe(shdLogFile);
    expect(staged(shd)).toBe(`${volfileStaging}/${config().shdVolfile}`);
  });

  it('mounts every directory that the agent is told of, at the same place in brick and agent', () => {
    const mounts = (name: string) => container(name).volumeMounts ?? [];
    const paths = mounts('brick-agent').map(({ mountPath }) => mountPath);
    const {
      brickMount,
      brickSocket,
      brickPidFile,
      brickLogFile,
      volfileDir,
      volfileStaging,
      apiTokenFile,
      socketPath,
    } = config();
    const places = [brickMount, brickSocket, brickPidFile, brickLogFile, volfileDir, volfileStaging, apiTokenFile];
    for (const path of [...places, socketPath]) {
      expect(paths.some((mounted) => path === mounted || path?.startsWith(`${mounted}/`))).toBe(true);
    }
    const shared = mounts('brick').filter(
      ({ name, subPath }) => subPath === undefined && mounts('brick-agent').some((mount) => mount.name === name),
    );
    expect(shared.length).toBeGreaterThanOrEqual(3);
    expect(shared.filter(({ mountPath }) => !paths.includes(mountPath))).toEqual([]);
    const all = ['brick-agent', 'brick', 'shd'].flatMap(mounts);
    // A ConfigMap under a subPath never changes.
    expect(all.filter(({ name, subPath }) => name === 'volfiles' && subPath !== undefined)).toEqual([]);
    expect(mounts('brick-agent').some(({ name }) => name === 'volfiles')).toBe(true);
    const { volumes = [] } = podSpec();
    const offered = new Set([...volumes.map(({ name }) => name), 'brick']);
    expect(all.filter(({ name }) => !offered.has(name))).toEqual([]);
  });

  it('has the volume id of the volfile in every place', () => {
    const ids = ['prepare-brick', 'brick-agent'].map(
      (name) => container(name).env?.find((variable) => variable.name === 'VOLUME_ID')?.value,
    );
    expect(new Set(ids)).toEqual(new Set([config().volumeId]));
    expect(volfiles()['brick.vol']).toContain(`option volume-id ${config().volumeId}`);
  });

  it.each(['brick', 'shd'] as const)('carries a volfile of the %s without a finding', (role) => {
    const { brickPath, volumeId, brickName, brickPort, brickVolfile, shdVolfile } = config();
    const text = volfiles()[role === 'brick' ? brickVolfile : shdVolfile] ?? '';
    const expected = role === 'brick' ? { directory: brickPath, volumeId, brickName, listenPort: brickPort } : {};
    const { problems } = lintVolfile(Buffer.from(text), { role, expected, gluster: '11', xlators: undefined });
    expect(problems).toEqual([]);
  });

  it('lets the agent write Events, and nobody else do anything', () => {
    const objects = readManifest();
    const account = objects.find(isServiceAccount);
    const role = objects.find(isRole);
    const binding = objects.find(isRoleBinding);
    expect(role?.rules).toEqual([{ apiGroups: ['events.k8s.io'], resources: ['events'], verbs: ['create', 'patch'] }]);
    expect(binding?.roleRef).toMatchObject({ kind: 'Role', name: role?.metadata?.name });
    expect(binding?.subjects).toEqual([
      { kind: 'ServiceAccount', name: account?.metadata?.name, namespace: account?.metadata?.namespace },
    ]);
    expect(podSpec()).toMatchObject({
      serviceAccountName: account?.metadata?.name,
      automountServiceAccountToken: false,
    });
    expect(objects.filter(({ kind }) => kind.startsWith('ClusterRole'))).toEqual([]);
    // The token is in the agent's own container (and in the one of its image that prepares), where it looks for it.
    const mounts = (name: string) =>
      container(name)
        .volumeMounts?.filter((mount) => mount.name === 'api-access')
        .map(({ mountPath }) => mountPath);
    expect(mounts('brick-agent')).toEqual([config().serviceAccountDir]);
    for (const name of ['brick', 'shd', 'prepare-brick']) expect(mounts(name)).toEqual([]);
    expect(eventsConfig(config())?.pod).toMatchObject({ name: 'pool1-0', namespace: 'gluster', node: 'node-a' });
  });

  it('gives no more rights than are needed', () => {
    const { containers, initContainers = [], ...spec } = podSpec();
    expect(spec).toMatchObject({ shareProcessNamespace: true, hostUsers: true });
    expect(spec.terminationGracePeriodSeconds).toBeGreaterThanOrEqual(90);
    for (const { name, securityContext } of [...initContainers, ...containers]) {
      expect(securityContext, name).toMatchObject({ readOnlyRootFilesystem: true, capabilities: { drop: ['ALL'] } });
      expect(securityContext?.privileged, name).toBeUndefined();
      // The API server refuses false together with this capability.
      const isAdmin = securityContext?.capabilities?.add?.includes('SYS_ADMIN') ?? false;
      expect(securityContext?.allowPrivilegeEscalation, name).toBe(isAdmin ? undefined : false);
    }
    expect(container('brick-agent').securityContext?.capabilities?.add).toEqual([
      'SYS_ADMIN',
      'DAC_READ_SEARCH',
      'SYS_PTRACE',
    ]);
  });

  it('prepares with what the agent has, before it', () => {
    const [prepare, agent] = [container('prepare-quota'), container('brick-agent')];
    expect(prepare.image).toBe(agent.image);
    expect(prepare.env).toEqual(agent.env);
    expect(prepare.volumeMounts).toEqual(agent.volumeMounts);
    expect(podSpec().initContainers?.map(({ name }) => name)).toEqual([
      'prepare-brick',
      'prepare-quota',
      'brick-agent',
    ]);
  });

  it('asks the agent how brick and self-heal daemon are', () => {
    const ops = Number(config().opsListen.split(':').at(-1));
    const { startupProbe, readinessProbe, livenessProbe } = container('brick');
    const probes = [startupProbe, readinessProbe, livenessProbe, container('shd').livenessProbe];
    expect(probes.map((probe) => probe?.httpGet?.path)).toEqual([
      '/brick/startupz',
      '/brick/readyz',
      '/brick/livez',
      '/shd/livez',
    ]);
    expect(probes.map((probe) => probe?.httpGet?.port)).toEqual([ops, ops, ops, ops]);
    // A restart of the agent must not kill them: it starts within seconds.
    for (const { periodSeconds = 0, failureThreshold = 0 } of probes.slice(2).flatMap((probe) => probe ?? [])) {
      expect(periodSeconds * failureThreshold).toBeGreaterThanOrEqual(30);
    }
  });

  it('asks the agent before the brick is stopped, and leaves time for the rest', () => {
    const hook = container('brick').lifecycle?.preStop?.httpGet;
    expect(hook).toEqual({ path: '/brick/pre-stop', port: Number(config().opsListen.split(':').at(-1)) });
    // A check of the peers and the flush come on top, then the brick's end and the agent's.
    const graceMs = (podSpec().terminationGracePeriodSeconds ?? 0) * 1000;
    expect(graceMs - config().preStopWaitMs).toBeGreaterThanOrEqual(45_000);
  });

  it('starts the agent as a native sidecar whose start waits for nothing of the brick', () => {
    const agent = container('brick-agent');
    expect(podSpec().initContainers?.at(-1)?.name).toBe('brick-agent');
    expect(agent.restartPolicy).toBe('Always');
    expect(agent.startupProbe?.httpGet?.path).toBe('/livez');
    expect(agent.livenessProbe?.httpGet?.path).toBe('/livez');
    expect(agent.readinessProbe?.httpGet?.path).toBe('/readyz');
    const ports = new Map(agent.ports?.map(({ name, containerPort }) => [name, containerPort]));
    expect(config().opsListen).toBe(`0.0.0.0:${ports.get('ops')}`);
    expect(config().apiListen).toBe(`0.0.0.0:${ports.get('api')}`);
  });
});
