import { readFileSync } from 'node:fs';
import os from 'node:os';
import { Check, Errors } from 'typebox/value';
import { parse as parseYaml } from 'yaml';
import { AgentError, errnoOf, errorMessage } from '../../lib/errors.ts';
import { configOptions, configSchema, type ConfigFile, type ConfigOption } from './schema.ts';

/** The configuration with every derived default filled in. */
export interface Config extends ConfigFile {
  hostname: string;
  brickName: string;
  brickPidFile: string;
  brickVolfile: string;
  clientVolfile: string;
  /** Whether a self-heal daemon is expected in this pod. */
  shdExpected: boolean;
}

export interface ConfigProblem {
  /** The key in the table, or the unknown name as it was written. */
  key: string;
  /** Where the wrong value came from, e.g. `flag --brick-port`. */
  source: string;
  message: string;
}

export interface ConfigSources {
  /** Flags by key, as text. */
  flags: Partial<Record<string, string>>;
  env: Record<string, string | undefined>;
  /** The parsed content of the configuration file and its path for messages. */
  file?: { path: string; content: unknown };
}

/** A configuration file is a page of text; more is a mistake. */
const MAX_CONFIG_FILE_BYTES = 256 * 1024;

/**
 * Merges flags > environment > file > defaults and validates the result.
 *
 * @throws AgentError `ConfigInvalid` with every problem, one a line; each names its key, where the value came from and the
 *   remedy
 */
export function loadConfig(sources: ConfigSources): Config {
  const problems: ConfigProblem[] = [];
  const origin = new Map<string, string>();
  const merged: Record<string, unknown> = {};
  const fromFile = fileValues(sources.file, problems);
  for (const option of configOptions) {
    const found = pick(option, sources, fromFile);
    if (found === undefined) {
      if (option.byDefault !== undefined) merged[option.key] = option.byDefault;
      else if (option.required) problems.push(missing(option));
      continue;
    }
    origin.set(option.key, found.source);
    merged[option.key] = option.isInteger && typeof found.value === 'string' ? toInteger(found.value) : found.value;
  }
  problems.push(...schemaProblems(merged, origin));
  if (merged['volumeType'] === 'Disperse' && merged['disperseData'] === undefined) {
    problems.push(missing(optionOf('disperseData'), ' because volumeType is Disperse'));
  }
  if (merged['volfileStaging'] !== undefined && merged['volfileDir'] === undefined) {
    problems.push(missing(optionOf('volfileDir'), ' because volfiles are staged from there'));
  }
  if (merged['peers'] !== undefined && merged['apiTokenFile'] === undefined) {
    problems.push(missing(optionOf('apiTokenFile'), ' because peers are asked with our own token'));
  }
  problems.push(...tlsProblems(merged), ...eventsProblems(merged, origin));
  if (problems.length > 0 || !Check(configSchema, merged)) throw configError(problems);
  return derive(merged);
}

/** Where Events are on, the pod that they are about has to be known, and the API server. */
function eventsProblems(merged: Record<string, unknown>, origin: Map<string, string>): ConfigProblem[] {
  if (merged['kubernetesEvents'] !== 'on') return [];
  return EVENT_KEYS.flatMap(({ key, pattern, what }) => {
    const value = merged[key];
    if (value === undefined) return [missing(optionOf(key), ' because kubernetesEvents is on')];
    if (typeof value !== 'string' || pattern.test(value)) return [];
    const message = `${JSON.stringify(value)} is not ${what}: have the downward API set it, as deploy/replica-3.yaml does`;
    return [{ key, source: origin.get(key) ?? 'default', message }];
  });
}

const DNS_LABEL = '[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?';
/** What Kubernetes itself takes for each; they become parts of a path and of names. */
const EVENT_KEYS = [
  {
    key: 'podName',
    pattern: new RegExp(`^(?=.{1,253}$)${DNS_LABEL}(\\.${DNS_LABEL})*$`),
    what: 'the name of a pod',
  },
  { key: 'podNamespace', pattern: new RegExp(`^${DNS_LABEL}$`), what: 'the name of a namespace' },
  { key: 'podUid', pattern: /^[A-Za-z0-9-]{1,128}$/, what: 'the UID of a pod' },
  { key: 'kubernetesHost', pattern: /^[A-Za-z0-9._:-]{1,253}$/, what: 'a host name or an address' },
] as const;

/** TLS is on for the API and all peers, or off for both: nobody falls back to plain HTTP. */
function tlsProblems(merged: Record<string, unknown>): ConfigProblem[] {
  const needs = [
    ['apiTlsCertFile', 'apiTlsKeyFile', 'a certificate needs its key'],
    ['apiTlsKeyFile', 'apiTlsCertFile', 'apiTlsKeyFile is the key of it'],
    ['apiTlsClientCaFile', 'apiTlsCertFile', 'clients are asked for certificates over TLS only'],
    ['peerCaFile', 'apiTlsCertFile', 'peers are asked by https where the own API is https'],
    ['apiTlsCertFile', 'apiTokenFile', 'the API is served over TCP with a token only'],
    ...(merged['peers'] === undefined
      ? []
      : [['apiTlsCertFile', 'peerCaFile', 'peers are asked by https, too'] as const]),
  ] as const;
  const unmet = needs.filter(([given, needed]) => merged[given] !== undefined && merged[needed] === undefined);
  const keys = new Map(unmet.map(([, needed, why]) => [needed, why]));
  if (merged['peers'] !== undefined) keys.delete('apiTokenFile');
  return [...keys].map(([key, why]) => missing(optionOf(key), ` because ${why}`));
}

/**
 * Reads a YAML or JSON configuration file.
 *
 * @throws AgentError `ConfigInvalid`
 */
export function readConfigFile(path: string): unknown {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (cause) {
    const why = errnoOf(cause) ?? errorMessage(cause);
    throw new AgentError('ConfigInvalid', `configuration file ${path}: cannot be read (${why})`, { cause });
  }
  if (text.length > MAX_CONFIG_FILE_BYTES) {
    throw new AgentError('ConfigInvalid', `configuration file ${path}: larger than ${MAX_CONFIG_FILE_BYTES} bytes`);
  }
  try {
    return parseYaml(text, { maxAliasCount: 0 });
  } catch (cause) {
    throw new AgentError('ConfigInvalid', `configuration file ${path}: ${errorMessage(cause)}`, { cause });
  }
}

/** A closed configuration for logs and support: secrets are only ever in files, whose names are shown. */
export function describeConfig(config: Config): Record<string, unknown> {
  return { ...config };
}

function fileValues(file: ConfigSources['file'], problems: ConfigProblem[]): Record<string, unknown> {
  if (file === undefined || file.content === null || file.content === undefined) return {};
  const source = `file ${file.path}`;
  if (typeof file.content !== 'object' || Array.isArray(file.content)) {
    problems.push({ key: '(file)', source, message: 'must be a mapping of keys to values' });
    return {};
  }
  const known = new Set<string>(configOptions.map((option) => option.key));
  for (const key of Object.keys(file.content)) {
    if (!known.has(key)) problems.push({ key, source, message: `is not a configuration key${suggestion(key)}` });
  }
  return { ...file.content };
}

function pick(
  option: ConfigOption,
  sources: ConfigSources,
  fromFile: Record<string, unknown>,
): { value: unknown; source: string } | undefined {
  const flag = sources.flags[option.key];
  if (flag !== undefined) return { value: flag, source: `flag ${option.flag}` };
  for (const name of [option.env, option.kadaluEnv]) {
    const value = name === undefined ? undefined : sources.env[name];
    // An empty variable is how pod specs spell "not set".
    if (value !== undefined && value !== '') return { value, source: `environment ${name}` };
  }
  const value = fromFile[option.key];
  if (value !== undefined && value !== null) return { value, source: `file ${sources.file?.path}` };
  return undefined;
}

function missing(option: ConfigOption, why = ''): ConfigProblem {
  const env = option.kadaluEnv ?? option.env;
  return {
    key: option.key,
    source: 'not set',
    message: `is required${why}: give ${option.flag} <${option.placeholder}> or set ${env} (${option.description})`,
  };
}

function schemaProblems(merged: Record<string, unknown>, origin: Map<string, string>): ConfigProblem[] {
  if (Check(configSchema, merged)) return [];
  const problems = new Map<string, ConfigProblem>();
  for (const error of Errors(configSchema, merged)) {
    const key = error.instancePath.slice(1);
    const source = origin.get(key);
    // Missing keys have been named already, with their remedy.
    if (source === undefined || problems.has(key)) continue;
    const option = optionOf(key);
    const shown = JSON.stringify(merged[key]);
    problems.set(key, {
      key,
      source,
      message: `${shown} is not acceptable (${expectation(option, error.message)}): ${option.description}`,
    });
  }
  return [...problems.values()];
}

function expectation(option: ConfigOption, message: string): string {
  return option.placeholder.includes('|') ? `one of ${option.placeholder.replaceAll('|', ', ')}` : message;
}

function optionOf(key: string): ConfigOption {
  const option = configOptions.find((candidate) => candidate.key === key);
  if (option === undefined) throw new AgentError('Internal', `no configuration option ${key}`);
  return option;
}

function toInteger(text: string): number | string {
  return /^-?\d{1,15}$/.test(text.trim()) ? Number(text) : text;
}

function configError(problems: ConfigProblem[]): AgentError {
  const lines = problems.map((problem) => `${problem.key} (${problem.source}): ${problem.message}`);
  return new AgentError('ConfigInvalid', lines.join('\n'), { details: { problems } });
}

function suggestion(key: string): string {
  const plain = key.toLowerCase().replaceAll(/[-_]/g, '');
  const near = configOptions.find((option) => option.key.toLowerCase() === plain);
  return near === undefined ? '; `brick-agent config --schema` prints all' : `; did you mean ${near.key}?`;
}

function derive(file: ConfigFile): Config {
  const hostname = file.hostname ?? os.hostname();
  // glusterd and Kadalu both name files after the brick path with its slashes turned into dashes.
  const dashedPath = file.brickPath.replace(/^\/+/, '').replaceAll('/', '-');
  return {
    ...file,
    volumeId: file.volumeId.toLowerCase(),
    hostname,
    brickName: file.brickName ?? file.brickPath,
    brickPidFile: file.brickPidFile ?? `/var/run/gluster/glusterfsd-${dashedPath}.pid`,
    brickVolfile: file.brickVolfile ?? `${file.volume}.${hostname}.${dashedPath}.vol`,
    clientVolfile: file.clientVolfile ?? `${file.volume}.vol`,
    shdExpected: file.shd === 'on' || (file.shd === 'auto' && file.volumeType !== 'Replica1'),
  };
}
