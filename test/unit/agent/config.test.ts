import { eventsConfig } from '../../../src/agent/config/events.ts';
import { describe, expect, it } from 'vitest';
import { loadConfig, type Config, type ConfigSources } from '../../../src/agent/config/load.ts';
import { configOptions } from '../../../src/agent/config/schema.ts';
import { AgentError } from '../../../src/lib/errors.ts';

const KADALU = {
  VOLUME: 'pool1',
  VOLUME_ID: '2b9e329c-bdb8-11ee-989f-4e09040b9c74',
  VOLUME_TYPE: 'Replica3',
  BRICK_PATH: '/bricks/pool1/data/brick',
  HOSTNAME: 'server-pool1-0-0',
  BRICK_INDEX: '2',
};

function load(sources: Partial<ConfigSources> = {}): Config {
  return loadConfig({ flags: {}, env: KADALU, ...sources });
}

function problemsOf(sources: Partial<ConfigSources>): string {
  try {
    load(sources);
  } catch (error) {
    if (error instanceof AgentError && error.code === 'ConfigInvalid') return error.message;
    throw error;
  }
  throw new Error('the configuration was accepted');
}

describe('configuration', () => {
  it("works from Kadalu's environment alone", () => {
    const config = load();
    expect(config).toMatchObject({
      volume: 'pool1',
      brickIndex: 2,
      brickName: '/bricks/pool1/data/brick',
      brickPidFile: '/var/run/gluster/glusterfsd-bricks-pool1-data-brick.pid',
      brickVolfile: 'pool1.server-pool1-0-0.bricks-pool1-data-brick.vol',
      brickPort: 24_007,
      shdExpected: true,
    });
  });

  it('prefers flags to environment to file to defaults', () => {
    const file = { path: '/etc/agent.yaml', content: { brickPort: 1, healIntervalMs: 111, quotaIntervalMs: 222 } };
    const env = { ...KADALU, BRICK_AGENT_BRICK_PORT: '2', BRICK_AGENT_HEAL_INTERVAL_MS: '333' };
    const config = load({ flags: { brickPort: '3' }, env, file });
    expect([config.brickPort, config.healIntervalMs, config.quotaIntervalMs]).toEqual([3, 333, 222]);
  });

  it("prefers our own environment names to Kadalu's and reads an empty variable as not set", () => {
    const env = { ...KADALU, BRICK_AGENT_VOLUME: 'other', BRICK_AGENT_BRICK_PORT: '' };
    expect(load({ env })).toMatchObject({ volume: 'other', brickPort: 24_007 });
  });

  it('names every missing value with its flag, its variable and its meaning, at once', () => {
    const message = problemsOf({ env: {} });
    for (const part of ['--volume <name>', 'VOLUME_ID', '--volume-type', 'BRICK_PATH']) expect(message).toContain(part);
    expect(message.split('\n')).toHaveLength(4);
  });

  it.each([
    ['flag --brick-port', { flags: { brickPort: '70000' } }],
    ['flag --brick-port', { flags: { brickPort: '24007x' } }],
    ['flag --brick-port', { flags: { brickPort: '1.5' } }],
    ['environment BRICK_PATH', { env: { ...KADALU, BRICK_PATH: 'relative' } }],
    ['environment VOLUME_ID', { env: { ...KADALU, VOLUME_ID: 'not-a-uuid' } }],
    ['environment VOLUME', { env: { ...KADALU, VOLUME: 'a/b' } }],
    ['one of Replica1, Replica2', { env: { ...KADALU, VOLUME_TYPE: 'Replica9' } }],
    ['flag --ops-listen', { flags: { opsListen: 'nonsense' } }],
    ['did you mean brickPath?', { file: { path: '/f', content: { brick_path: '/x' } } }],
    ['is not a configuration key', { file: { path: '/f', content: { nonsense: 1 } } }],
    ['must be a mapping', { file: { path: '/f', content: [1] } }],
    ['because volumeType is Disperse', { env: { ...KADALU, VOLUME_TYPE: 'Disperse' } }],
  ])('refuses a wrong value and names it: %s', (part, sources) => {
    expect(problemsOf(sources)).toContain(part);
  });

  const TLS = { apiTlsCertFile: '/tls/tls.crt', apiTlsKeyFile: '/tls/tls.key', apiTokenFile: '/token' };
  const PEERS = { peers: 'b:9746', peerCaFile: '/tls/ca.crt' };

  it.each([TLS, { ...TLS, apiTlsClientCaFile: '/tls/ca.crt' }, { ...TLS, ...PEERS }])(
    'takes TLS that is whole: %o',
    (flags) => {
      expect(load({ flags })).toMatchObject(flags);
    },
  );

  it.each<[string, Record<string, string | undefined>, string]>([
    [
      'no key',
      { ...TLS, apiTlsKeyFile: undefined },
      'apiTlsKeyFile (not set): is required because a certificate needs',
    ],
    [
      'no certificate',
      { ...TLS, apiTlsCertFile: undefined },
      'apiTlsCertFile (not set): is required because apiTlsKey',
    ],
    ['no token', { ...TLS, apiTokenFile: undefined }, 'apiTokenFile (not set): is required because the API is served'],
    ['clients only', { apiTlsClientCaFile: '/ca' }, 'apiTlsCertFile (not set): is required because clients are asked'],
    [
      'peers only',
      { ...PEERS, apiTokenFile: '/token' },
      'apiTlsCertFile (not set): is required because peers are asked',
    ],
    [
      'peers that nobody vouches for',
      { ...TLS, peers: 'b:9746' },
      'peerCaFile (not set): is required because peers are',
    ],
    [
      'peers and no token',
      { ...TLS, ...PEERS, apiTokenFile: undefined },
      'apiTokenFile (not set): is required because',
    ],
  ])('refuses half of TLS and says what is missing, once: %s', (_what, flags, message) => {
    const problems = problemsOf({ flags });
    expect(problems).toContain(message);
    expect(problems).toMatch(/: give --[a-z-]+ <path> or set BRICK_AGENT_[A-Z_]+ /);
    expect(problems.split('\n')).toHaveLength(1);
  });

  const EVENTS = {
    kubernetesEvents: 'on',
    podName: 'pool1-0',
    podNamespace: 'gluster',
    podUid: '0b7f4f0e-41a7-4b39-9d0a-0f1e6f6f4a11',
    kubernetesHost: '10.96.0.1',
  };

  it('takes Events with the pod that they are about, from what every pod has in its environment', () => {
    expect(eventsConfig(load({ flags: { ...EVENTS, nodeId: 'node-a' } }))).toEqual({
      pod: { name: 'pool1-0', namespace: 'gluster', uid: EVENTS.podUid, node: 'node-a' },
      server: {
        host: '10.96.0.1',
        port: 443,
        serviceAccountDir: '/var/run/secrets/kubernetes.io/serviceaccount',
      },
    });
    const env = {
      ...KADALU,
      BRICK_AGENT_KUBERNETES_EVENTS: 'on',
      POD_NAME: 'a.b-1',
      POD_NAMESPACE: 'n',
      POD_UID: 'u',
      KUBERNETES_SERVICE_HOST: 'fd00::1',
      KUBERNETES_SERVICE_PORT: '6443',
    };
    expect(eventsConfig(load({ env }))).toMatchObject({
      pod: { name: 'a.b-1', namespace: 'n', uid: 'u' },
      server: { host: 'fd00::1', port: 6443 },
    });
  });

  it('asks nothing of the pod where Events are off', () => {
    expect(eventsConfig(load({ flags: { podName: 'Not A Pod', podUid: '/' } }))).toBeUndefined();
  });

  it.each(['podName', 'podNamespace', 'podUid', 'kubernetesHost'] as const)(
    'refuses Events without %s, or with what is none, and says where it comes from',
    (key) => {
      const variable = { podName: 'POD_NAME', podNamespace: 'POD_NAMESPACE', podUid: 'POD_UID' };
      const name = key === 'kubernetesHost' ? 'KUBERNETES_SERVICE_HOST' : variable[key];
      const problems = problemsOf({ flags: { ...EVENTS, [key]: undefined } });
      expect(problems).toMatch(
        new RegExp(`^${key} \\(not set\\): is required because kubernetesEvents is on: .* ${name} `),
      );
      for (const wrong of ['a/../b', 'A b', 'x\ny', '-', `a${'b'.repeat(300)}`]) {
        if (wrong === '-' && (key === 'podUid' || key === 'kubernetesHost')) continue;
        const [problem = ''] = problemsOf({ flags: { ...EVENTS, [key]: wrong } }).split('\n');
        expect(problem).toContain(`${key} (flag --`);
        expect(problem).toContain('have the downward API set it');
      }
    },
  );

  it('gives every option a flag, a variable and a description, and no two the same', () => {
    expect(new Set(configOptions.map((option) => option.flag)).size).toBe(configOptions.length);
    expect(new Set(configOptions.map((option) => option.env)).size).toBe(configOptions.length);
    for (const option of configOptions) expect(option.description.length, option.key).toBeGreaterThan(10);
  });
});
