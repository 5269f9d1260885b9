/** What goes into a support bundle, one file after the other, each bounded and scrubbed before it leaves this module. */
import { readFile } from 'node:fs/promises';
import { request } from 'node:http';
import { Check } from 'typebox/value';
import { describeConfig, type Config } from '../../agent/config/load.ts';
import type { DoctorView } from '../../agent/http/doctor-schema.ts';
import { logSchema } from '../../agent/http/log-schema.ts';
import { quotaListSchema } from '../../agent/http/schemas.ts';
import { systemClock } from '../../lib/clock.ts';
import { withDeadline } from '../../lib/deadline.ts';
import { AgentError, errorMessage } from '../../lib/errors.ts';
import { GLUSTER_EXE_NAMES, proveProcess } from '../../process/identity.ts';
import { readStatedump } from '../../process/statedump.ts';
import { readLogEnd } from '../../volfile/log-file.ts';
import { readVolfileSet } from '../../volfile/read-set.ts';
import type { AgentClient } from '../client.ts';
import { agentLineWithoutNames, glusterLogWithoutNames, statedumpLineWithoutNames } from './logs.ts';
import { Scrubber } from './scrub.ts';
import { redactVolfile, secretsOf } from './volfiles.ts';

export interface SupportOptions {
  version: string;
  client: AgentClient;
  /** Undefined: it is refused, for the reason given. */
  config: Config | undefined;
  configProblem: string | undefined;
  /** Looks without the agent. @param down why it does not answer */
  diagnose: (down: string) => Promise<DoctorView>;
  withNames: boolean;
  statedump: boolean;
}

export interface SupportFile {
  name: string;
  content: Uint8Array;
  mtimeSeconds: number;
}

/** The end of each log, in bytes. */
const MAX_LOG_BYTES = 1024 * 1024;
/** A file that is larger is left out: 10,000 PVs are some 12 MB. */
const MAX_FILE_BYTES = 24 * 1024 * 1024;
/** Of a statedump; the inode table of a busy brick is longer. */
const MAX_STATEDUMP_BYTES = 8 * 1024 * 1024;
const METRICS_DEADLINE_MS = 10_000;
const TOKEN_DEADLINE_MS = 2_000;

const API_FILES: readonly [name: string, path: string][] = [
  ['status.json', '/v1/status'],
  ['doctor.json', '/v1/doctor'],
  ['quotas.json', '/v1/quotas'],
  ['scan.json', '/v1/scan'],
  ['heal.json', '/v1/heal'],
  // The other bricks of the set, as their agents tell.
  ['disruption.json', '/v1/disruption'],
  ['volfiles.json', '/v1/volfiles'],
];

type Part = readonly [name: string, make: () => Promise<string>];

/** Never throws for a part that cannot be had: the manifest, which comes last, says so. */
export async function* collectSupport(options: SupportOptions): AsyncGenerator<SupportFile> {
  const volfiles = await volfileTexts(options.config);
  const quotas = await options.client.get('/v1/quotas').catch((error: unknown) => ({ down: errorMessage(error) }));
  const scrubber = new Scrubber({
    secrets: [...volfiles.values()].flatMap(secretsOf).concat(await tokenOf(options.config)),
    names: options.withNames ? undefined : namesOf(quotas),
  });
  const mtimeSeconds = Date.now() / 1000;
  const failed: Record<string, string> = {};
  const names: string[] = [];
  const file = (name: string, text: string): SupportFile => ({ name, content: Buffer.from(text), mtimeSeconds });
  for (const [name, make] of partsOf(options, scrubber, volfiles, quotas)) {
    try {
      const made = file(name, await make());
      if (made.content.length > MAX_FILE_BYTES) throw new AgentError('BadRequest', 'it is too large for a bundle');
      names.push(name);
      yield made;
    } catch (error) {
      failed[name] = scrubber.text(errorMessage(error));
    }
  }
  const made = { version: options.version, at: new Date().toISOString(), withNames: options.withNames };
  yield file('manifest.json', `${JSON.stringify({ ...made, files: names, leftOut: failed }, null, 2)}\n`);
}

function partsOf(
  { client, config, configProblem, diagnose, statedump }: SupportOptions,
  scrubber: Scrubber,
  volfiles: ReadonlyMap<string, string>,
  quotas: unknown,
): Part[] {
  const json = (value: unknown): string => `${JSON.stringify(scrubber.value(value), null, 1)}\n`;
  const isDown = down(quotas);
  const api: Part[] = API_FILES.map(([name, path]) => [
    name,
    async () => json(path === '/v1/doctor' && isDown !== undefined ? await diagnose(isDown) : await client.get(path)),
  ]);
  const parts: Part[] = [...api, ['agent.log', async () => agentLog(await client.get('/v1/log'), scrubber)]];
  if (config === undefined) {
    return [
      ...parts,
      ['config.json', async () => await Promise.reject(new AgentError('ConfigInvalid', configProblem ?? ''))],
    ];
  }
  parts.push(
    ['config.json', async () => await Promise.resolve(json(describeConfig(config)))],
    ['metrics.txt', async () => scrubber.text(await metrics(config.opsListen))],
    ['brick.log', async () => await logOf(config.brickLogFile, 'brickLogFile', scrubber)],
  );
  if (config.shdExpected) parts.push(['shd.log', async () => await logOf(config.shdLogFile, 'shdLogFile', scrubber)]);
  let number = 0;
  for (const [name, text] of volfiles) {
    number += 1;
    // Names of files are the operator's, but not all would be names in an archive.
    const safe = /^[\w.-]{1,80}$/.test(name) ? name : `file-${number}`;
    parts.push([`volfiles/${safe}`, async () => await Promise.resolve(scrubber.text(volfile(text)))]);
  }
  if (statedump) parts.push(['statedump.txt', async () => await dump(config, scrubber)]);
  return parts;
}

function volfile(text: string): string {
  const redacted = redactVolfile(text);
  if (redacted !== undefined) return redacted;
  throw new AgentError('VolfileInvalid', 'it cannot be parsed, so what in it is a secret is not certain');
}

async function volfileTexts(config: Config | undefined): Promise<Map<string, string>> {
  const texts = new Map<string, string>();
  for (const dir of [config?.volfileDir, config?.volfileStaging]) {
    if (dir === undefined) continue;
    const { files } = await readVolfileSet(dir);
    for (const [name, entry] of files) {
      const shown = dir === config?.volfileDir ? name : `staged-${name}`;
      if (entry.ok) texts.set(shown, Buffer.from(entry.bytes).toString('utf8'));
    }
  }
  return texts;
}

async function tokenOf(config: Config | undefined): Promise<string[]> {
  const path = config?.apiTokenFile;
  if (path === undefined) return [];
  try {
    const read = async (): Promise<string> => await readFile(path, 'utf8');
    return [(await withDeadline(TOKEN_DEADLINE_MS, `reading ${path}`, read)).trim()];
  } catch {
    // What cannot be read here cannot get into the bundle from here either.
    return [];
  }
}

/** PVs, and what stands in their place but was refused. */
function namesOf(quotas: unknown): string[] {
  if (!Check(quotaListSchema, quotas)) return [];
  const refused = quotas.refused.flatMap(({ file }) => {
    const name = file.slice(file.lastIndexOf('/') + 1);
    return name === 'quotaFile' ? [] : [name, name.replace(/\.json$/, '')];
  });
  return [...quotas.items.map(({ pv }) => pv), ...refused].filter((name) => name !== '');
}

function down(quotas: unknown): string | undefined {
  if (typeof quotas !== 'object' || quotas === null || !('down' in quotas)) return undefined;
  return String(quotas.down);
}

function agentLog(answer: unknown, scrubber: Scrubber): string {
  if (!Check(logSchema, answer)) throw new AgentError('RpcProtocol', 'the agent answered something else than its log');
  const lines = scrubber.hidesNames
    ? answer.lines.flatMap((line) => agentLineWithoutNames(line) ?? [])
    : answer.lines.map((line): unknown => JSON.parse(line));
  return `${lines.map((line) => JSON.stringify(scrubber.value(line))).join('\n')}\n`;
}

async function logOf(path: string | undefined, key: string, scrubber: Scrubber): Promise<string> {
  if (path === undefined) throw new AgentError('NotFound', `no ${key} is configured`);
  const text = await readLogEnd(path, MAX_LOG_BYTES);
  if (text === undefined) throw new AgentError('NotFound', `${path} cannot be read`);
  // The first line is mostly the end of one.
  const whole = text.length < MAX_LOG_BYTES / 2 ? text : text.slice(text.indexOf('\n') + 1);
  return scrubber.text(scrubber.hidesNames ? glusterLogWithoutNames(whole) : whole);
}

async function dump(config: Config, scrubber: Scrubber): Promise<string> {
  const proof = await proveProcess({ pidFile: config.brickPidFile, exeNames: GLUSTER_EXE_NAMES });
  if (!proof.ok) throw new AgentError('ProcessUnproven', proof.message);
  const lines: string[] = [];
  let size = 0;
  const { signal } = new AbortController();
  const options = { process: proof.process, dir: config.statedumpDir, clock: systemClock, signal };
  await readStatedump(options, (line) => {
    size += line.length + 1;
    if (size <= MAX_STATEDUMP_BYTES) lines.push(scrubber.hidesNames ? statedumpLineWithoutNames(line) : line);
  });
  return scrubber.text(`${lines.join('\n')}\n`);
}

async function metrics(opsListen: string): Promise<string> {
  const at = opsListen.lastIndexOf(':');
  const host = opsListen.slice(0, at).replace(/^\[(.*)\]$/, '$1');
  // Every address is also the loopback's.
  const reached = host === '0.0.0.0' ? '127.0.0.1' : host === '::' ? '::1' : host;
  const signal = AbortSignal.timeout(METRICS_DEADLINE_MS);
  return await new Promise((resolve, reject) => {
    const call = request(
      { host: reached, port: Number(opsListen.slice(at + 1)), path: '/metrics', signal },
      (answer) => {
        const chunks: Buffer[] = [];
        let size = 0;
        answer.on('data', (chunk: Buffer) => {
          size += chunk.length;
          if (size > MAX_FILE_BYTES) call.destroy(new AgentError('RpcProtocol', 'the metrics are too large'));
          else chunks.push(chunk);
        });
        answer.once('end', () => resolve(Buffer.concat(chunks).toString()));
        answer.once('error', reject);
      },
    );
    call.once('error', (cause) =>
      reject(new AgentError('RpcDisconnected', `no metrics: ${errorMessage(cause)}`, { cause })),
    );
    call.end();
  });
}
