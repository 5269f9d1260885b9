import { Type, type Static } from 'typebox';

/**
 * The one table of what can be configured. Flags (`--brick-path`), environment (`BRICK_AGENT_BRICK_PATH`, and Kadalu's own
 * names where `kadaluEnv` gives one), the configuration file (`brickPath:`) and `brick-agent config --schema` all come from
 * here.
 */

interface Extra {
  /** The name under which Kadalu's server pod, or every pod, already carries this value. */
  kadaluEnv?: string;
  /** Shown behind the flag in --help: `--brick-path <dir>`. */
  placeholder?: string;
}

const ABSOLUTE_PATH = '^/[^\\u0000]*$';
const LISTEN_ADDRESS = '^(\\[[0-9a-fA-F:.]+\\]|[^:\\s]+):[0-9]{1,5}$';
const UUID = '^[0-9a-fA-F]{8}-([0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}$';
/** Gluster volume names become xlator names, file names and labels; nothing else than these characters is accepted. */
const VOLUME_NAME = '^[A-Za-z0-9_][A-Za-z0-9_.-]{0,254}$';
/** A file name inside the volfile directory, never a path. */
const FILE_NAME = '^[^/\\u0000]{1,255}$';

const path = (description: string, extra: Extra & { default?: string } = {}): ReturnType<typeof Type.String> =>
  Type.String({ description, pattern: ABSOLUTE_PATH, placeholder: 'path', ...extra });
const milliseconds = (description: string, byDefault: number, minimum: number): ReturnType<typeof Type.Integer> =>
  Type.Integer({ description, default: byDefault, minimum, maximum: 86_400_000, placeholder: 'ms' });
const word = <const T extends string[]>(values: [...T], options: Extra & { description: string; default?: string }) =>
  Type.Enum(values, { placeholder: values.join('|'), ...options });

export const configSchema = Type.Object(
  {
    volume: Type.String({
      description: 'Name of the Gluster volume (Kadalu: the storage pool).',
      pattern: VOLUME_NAME,
      kadaluEnv: 'VOLUME',
      placeholder: 'name',
    }),
    volumeId: Type.String({
      description: 'UUID of the volume; must equal the trusted.glusterfs.volume-id of the brick.',
      pattern: UUID,
      kadaluEnv: 'VOLUME_ID',
      placeholder: 'uuid',
    }),
    volumeType: word(['Replica1', 'Replica2', 'Replica3', 'Arbiter', 'Disperse'], {
      description:
        'How the volume keeps copies; decides what a limit is on one brick and whether a heal daemon is expected.',
      kadaluEnv: 'VOLUME_TYPE',
    }),
    disperseData: Type.Optional(
      Type.Integer({
        description: 'Data fragments (K) of a Disperse volume; a limit of L bytes is L/K on each brick.',
        minimum: 2,
        maximum: 255,
        placeholder: 'K',
      }),
    ),
    disperseRedundancy: Type.Optional(
      Type.Integer({
        description: 'Redundant fragments of a Disperse volume; tells its sets apart when it is distributed.',
        minimum: 1,
        maximum: 127,
        placeholder: 'R',
      }),
    ),
    clientQuorum: word(['auto', 'none'], {
      description:
        "What clients of a replicated volume insist on (quorum-type in their volfile): more than half of a set's bricks, or half with the first, or any one brick; decides whether a brick may be stopped.",
      default: 'auto',
    }),
    brickPath: path('Directory of the brick on the backend.', { kadaluEnv: 'BRICK_PATH' }),
    brickMount: Type.String({
      description:
        'Where the file system that holds the brick must be mounted: an absolute path, "auto" (any mount but the root file system) or "any" (no check; for tests).',
      pattern: '^(auto|any|/[^\\u0000]*)$',
      default: 'auto',
      placeholder: 'path|auto|any',
    }),
    brickIndex: Type.Integer({
      description: 'Position of this brick in the volume, from 0.',
      default: 0,
      minimum: 0,
      maximum: 65_535,
      kadaluEnv: 'BRICK_INDEX',
      placeholder: 'n',
    }),
    nodeId: Type.Optional(
      Type.String({ description: 'Identity of the node, for labels.', kadaluEnv: 'NODEID', placeholder: 'id' }),
    ),
    hostname: Type.Optional(
      Type.String({ description: 'Host name, for labels and file names.', kadaluEnv: 'HOSTNAME', placeholder: 'name' }),
    ),
    brickName: Type.Optional(
      Type.String({
        description: 'Name of the brick volume below protocol/server. Default: the brick path.',
        minLength: 1,
        placeholder: 'name',
      }),
    ),
    brickHost: Type.String({
      description: 'Address of the brick process.',
      default: '127.0.0.1',
      minLength: 1,
      placeholder: 'host',
    }),
    brickPort: Type.Integer({
      description: 'TCP port of the brick process.',
      default: 24_007,
      minimum: 1,
      maximum: 65_535,
      placeholder: 'port',
    }),
    brickSocket: path("Unix socket of the brick process (glusterfsd's -S).", {
      default: '/var/run/gluster/brick.socket',
    }),
    brickPidFile: Type.Optional(
      path("Pid file of the brick process (glusterfsd's -p). Default: where Kadalu puts it."),
    ),
    brickLogFile: Type.Optional(
      path(
        'Log file of the brick process, where it has one: evidence after a reload, and of writes that were refused.',
      ),
    ),
    shd: word(['auto', 'on', 'off'], {
      description: 'Whether this pod runs a self-heal daemon; "auto": yes for every volume type but Replica1.',
      default: 'auto',
    }),
    shdSocket: path("Unix socket of the self-heal daemon (glusterfs's -S).", {
      default: '/var/run/gluster/shd.socket',
    }),
    shdPidFile: path("Pid file of the self-heal daemon (glusterfs's -p).", {
      default: '/var/run/gluster/glustershd.pid',
    }),
    shdLogFile: Type.Optional(path('Log file of the self-heal daemon, where it has one.')),
    volfileDir: Type.Optional(
      path('Directory of the volfiles, best a ConfigMap mount. Without it volfiles are not watched.'),
    ),
    volfileStaging: Type.Optional(
      path(
        'Staged mode: directory that acceptable volfiles are copied to and the processes read them from (-f); best on a disk that outlives the pod.',
      ),
    ),
    volfileRestart: word(['off', 'auto'], {
      description:
        'Whether a process that only a restart brings a volfile into is ended by the agent, when the set allows it; its supervisor has to start it again.',
      default: 'off',
    }),
    volfileReturnMs: milliseconds(
      'From the end of such a process until the new one must answer and run the file; else the restart has failed.',
      120_000,
      1_000,
    ),
    brickVolfile: Type.Optional(
      Type.String({
        description: "The brick's volfile in that directory. Default: Kadalu's <volume>.<hostname>.<brick-path>.vol",
        pattern: FILE_NAME,
        placeholder: 'file',
      }),
    ),
    clientVolfile: Type.Optional(
      Type.String({
        description:
          "The clients' volfile in that directory, looked after when the brick hands it out (volspec-directory). Default: <volume>.vol",
        pattern: FILE_NAME,
        placeholder: 'file',
      }),
    ),
    shdVolfile: Type.String({
      description: "The self-heal daemon's volfile in that directory.",
      pattern: FILE_NAME,
      default: 'glustershd.vol',
      placeholder: 'file',
    }),
    opsListen: Type.String({
      description: 'Listener for probes, metrics and the status page, host:port; without authentication.',
      pattern: LISTEN_ADDRESS,
      default: '0.0.0.0:9745',
      placeholder: 'host:port',
    }),
    statusPage: word(['on', 'off'], {
      description: 'The status page at / of that listener; it names PVs, as the metrics do.',
      default: 'on',
    }),
    apiListen: Type.String({
      description: 'Listener for the API, host:port; served only when a token file is given.',
      pattern: LISTEN_ADDRESS,
      default: '0.0.0.0:9746',
      placeholder: 'host:port',
    }),
    apiTokenFile: Type.Optional(
      path(
        'File with the bearer token of the API (one line, 16 bytes or more). Without it the API is on the unix socket only.',
      ),
    ),
    apiTlsCertFile: Type.Optional(
      path(
        "Certificate of the API over TCP (PEM, the chain behind it), valid for the names in peers: the API is then HTTPS, and so are the peers'. Read again when it changes.",
      ),
    ),
    apiTlsKeyFile: Type.Optional(path('Private key of that certificate (PEM, without a passphrase).')),
    apiTlsClientCaFile: Type.Optional(
      path('Authorities (PEM) of which clients of the API over TCP must have a certificate, beside the token (mTLS).'),
    ),
    socketPath: path('Unix socket of the API (mode 0600); what the command line uses.', {
      default: '/run/brick-agent/agent.sock',
    }),
    kadaluInfo: word(['on', 'off'], {
      description: "Take limits from Kadalu's info/subvol/…json on the brick.",
      default: 'on',
    }),
    peers: Type.Optional(
      Type.String({
        description:
          'Agents of the other bricks, comma separated host:port of their TCP API; a brick that cannot read its limits learns them there.',
        pattern: '^[^\\s,]+:[0-9]{1,5}(,[^\\s,]+:[0-9]{1,5})*$',
        placeholder: 'host:port,…',
      }),
    ),
    peerCaFile: Type.Optional(
      path('Authorities (PEM) that vouch for the certificates of the peers; required beside peers where TLS is on.'),
    ),
    usageIntervalMs: milliseconds(
      'Pause between two rounds of telling the bricks of a distributed volume its usage.',
      5_000,
      500,
    ),
    peerIntervalMs: milliseconds('Pause between two questions to the peers.', 5_000, 500),
    quotaFile: Type.Optional(path('File with limits, YAML or JSON, mostly a mounted ConfigMap; see docs/quota.md.')),
    quotaIntervalMs: milliseconds('Pause between two quota passes.', 2_000, 100),
    quotaVerifyIntervalMs: milliseconds(
      'At most this long until every limit that can have changed is read back from disk and brick.',
      30_000,
      1_000,
    ),
    quotaGuardIntervalMs: Type.Integer({
      description:
        'Pause between two looks whether a tenant has switched enforcement off or told a false usage, which is put right at once; 0: never.',
      default: 5_000,
      minimum: 0,
      maximum: 86_400_000,
      placeholder: 'ms',
    }),
    quotaScanIntervalMs: Type.Integer({
      description:
        'Pause between two scans of a PV, which measure what it really uses; also once after each start. 0: only on request.',
      default: 21_600_000,
      minimum: 0,
      maximum: 2_147_483_647,
      placeholder: 'ms',
    }),
    quotaRepair: word(['auto', 'off'], {
      description:
        "Whether the running brick's counters are set right when two scans in a row found the same drift; off: only on request.",
      default: 'auto',
    }),
    quotaAdoption: word(['off', 'auto'], {
      description:
        "Whether the running bricks of a replica set are made to count all of a PV of which an audit of this agent's brick says PartlyEnforced; off: only on request.",
      default: 'off',
    }),
    quotaHealLoops: word(['end', 'report', 'off'], {
      description:
        "What to do about the endless metadata heal of a PV's directory after a change while a brick was down: end it on the brick that is healed, only report it, or not look.",
      default: 'end',
    }),
    quotaAuditIntervalMs: Type.Integer({
      description:
        "Pause between two audits of the brick's memory by statedump, which prove that limits hold below the PV's root; 0: never.",
      default: 300_000,
      minimum: 0,
      maximum: 86_400_000,
      placeholder: 'ms',
    }),
    statedumpDir: path('Where the brick process writes its statedumps (its /var/run/gluster, shared).', {
      default: '/var/run/gluster',
    }),
    healIntervalMs: milliseconds('Pause between two looks at the heal backlog.', 5_000, 100),
    splitBrainIntervalMs: Type.Integer({
      description:
        'Pause between two comparisons with the other bricks of what waits for heal, which prove a split-brain; 0: never.',
      default: 60_000,
      minimum: 0,
      maximum: 86_400_000,
      placeholder: 'ms',
    }),
    glusterEventsPort: Type.Integer({
      description:
        "UDP port of localhost on which Gluster's own events are heard: they make the agent look earlier, and nothing more. GlusterFS 11 sends them to 55555 of the host it has its volfile from. 0: they are not heard.",
      default: 0,
      minimum: 0,
      maximum: 65_535,
      placeholder: 'port',
    }),
    identityIntervalMs: milliseconds("Pause between two checks of the brick's identity.", 10_000, 500),
    brickLivenessMs: milliseconds(
      'A brick that has answered nothing for this long fails /brick/livez, unless something explains it; see docs/probes.md.',
      60_000,
      1_000,
    ),
    preStopWaitMs: Type.Integer({
      description:
        "Longest that /brick/pre-stop, the hook of the brick's container, waits until the brick may be stopped; well below the pod's grace period.",
      default: 60_000,
      minimum: 0,
      maximum: 3_600_000,
      placeholder: 'ms',
    }),
    brickDeadlineMs: milliseconds('A system call on the brick that takes longer marks the brick as hung.', 10_000, 100),
    brickHealthCheckMs: milliseconds(
      "A brick whose own health check has not written to its disk for this long fails /brick/readyz; more than three times the volfile's health-check-interval.",
      180_000,
      1_000,
    ),
    clientMetrics: word(['kind', 'address'], {
      description:
        "How the metrics tell a brick's clients apart: by what they call themselves, or by address, too (256 of them).",
      default: 'kind',
    }),
    metricsMaxPvs: Type.Integer({
      description:
        'PVs that have metrics of their own: those with a condition that does not hold, then those that use most; 0: all.',
      default: 0,
      minimum: 0,
      maximum: 1_000_000,
      placeholder: 'n',
    }),
    kubernetesEvents: word(['off', 'on'], {
      description:
        'Whether Kubernetes Events of this pod are written (docs/events.md); needs a service account that may, and the four values below that tell the pod.',
      default: 'off',
    }),
    podName: Type.Optional(
      Type.String({
        description: 'Name of this pod (metadata.name by the downward API); for Events.',
        kadaluEnv: 'POD_NAME',
        placeholder: 'name',
      }),
    ),
    podNamespace: Type.Optional(
      Type.String({
        description: 'Namespace of this pod (metadata.namespace); for Events.',
        kadaluEnv: 'POD_NAMESPACE',
        placeholder: 'name',
      }),
    ),
    podUid: Type.Optional(
      Type.String({
        description: 'UID of this pod (metadata.uid); for Events.',
        kadaluEnv: 'POD_UID',
        placeholder: 'uid',
      }),
    ),
    kubernetesHost: Type.Optional(
      Type.String({
        description: "Address of the cluster's API server; every pod is told; for Events.",
        kadaluEnv: 'KUBERNETES_SERVICE_HOST',
        placeholder: 'host',
      }),
    ),
    kubernetesPort: Type.Integer({
      description: 'Its HTTPS port.',
      default: 443,
      minimum: 1,
      maximum: 65_535,
      kadaluEnv: 'KUBERNETES_SERVICE_PORT',
      placeholder: 'port',
    }),
    serviceAccountDir: path("Directory with token and ca.crt of the pod's service account; for Events.", {
      default: '/var/run/secrets/kubernetes.io/serviceaccount',
    }),
    logLevel: word(['debug', 'info', 'warn', 'error', 'silent'], {
      description: 'Least severe level that is logged.',
      default: 'info',
    }),
  },
  { additionalProperties: false, title: 'gluster-brick-agent configuration' },
);

export type ConfigFile = Static<typeof configSchema>;

export interface ConfigOption {
  key: string;
  flag: string;
  env: string;
  kadaluEnv: string | undefined;
  placeholder: string;
  description: string;
  byDefault: string | number | undefined;
  required: boolean;
  isInteger: boolean;
}

const required: readonly string[] = configSchema.required;

/** The same table, flat, for the command line, the environment and the documentation. */
export const configOptions: readonly ConfigOption[] = Object.entries(configSchema.properties).map(([key, schema]) => {
  const value: unknown = Reflect.get(schema, 'default');
  const byDefault = typeof value === 'string' || typeof value === 'number' ? value : undefined;
  return {
    key,
    flag: `--${kebab(key)}`,
    env: `BRICK_AGENT_${kebab(key).replaceAll('-', '_').toUpperCase()}`,
    kadaluEnv: textOf(schema, 'kadaluEnv'),
    placeholder: textOf(schema, 'placeholder') ?? 'value',
    description: textOf(schema, 'description') ?? '',
    byDefault,
    required: required.includes(key) && byDefault === undefined,
    isInteger: textOf(schema, 'type') === 'integer',
  };
});

function textOf(schema: object, name: string): string | undefined {
  const value: unknown = Reflect.get(schema, name);
  return typeof value === 'string' ? value : undefined;
}

function kebab(key: string): string {
  return key.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
}
