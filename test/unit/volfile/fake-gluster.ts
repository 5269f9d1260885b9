/** A brick as the reload sees it: an entry in /proc, a pid file, a log, and an answer to SIGHUP as 11.1 was seen to give it. */
import { createHash } from 'node:crypto';
import { appendFileSync, mkdirSync, readFileSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { silentLog } from '../../../src/lib/log.ts';
import type { ProcessIdentity, SocketLook } from '../../../src/process/process-identity.ts';
import type { SignalOptions, SafeSignal } from '../../../src/process/signal.ts';
import type { VolfileEntry, VolfileSet } from '../../../src/volfile/read-set.ts';
import { TargetState, type TargetOptions, type VolfileTarget } from '../../../src/volfile/target.ts';
import { FakeProc } from '../process/fake-proc.ts';
import { InstantClock } from './instant-clock.ts';
import { graphOf } from './samples.ts';

export const UPTIME_SECONDS = 100_000;
export const NOW = Date.parse('2026-11-24T12:00:00Z');
export const PID = 4242;

export type HupBehaviour = 'reconfigure' | 'no-log' | 'quiet' | 'die' | 'refuse' | 'poison' | 'blind';

export class FakeGluster {
  readonly proc = new FakeProc(UPTIME_SECONDS);
  readonly clock: InstantClock;
  readonly #boot: number;
  #now: number;
  readonly pidFile = join(this.proc.root, 'brick.pid');
  readonly logFile = join(this.proc.root, 'brick.log');
  readonly hups: number[] = [];
  readonly terms: number[] = [];
  /** What SIGTERM does. */
  term: 'end' | 'ignore' | 'forbid' = 'end';
  /** Looks at the process in the moment of a SIGHUP. */
  onHup: (file: string, loaded: string) => void = () => undefined;
  onTerm: (file: string) => void = () => undefined;
  hup: HupBehaviour = 'reconfigure';
  /** What the process loaded last. */
  loaded = '';
  volfile = '/etc/volfiles/brick.vol';
  extraArguments: string[] = [];
  /** What the kernel shows as loaded; undefined: we may not look. */
  maps: string | undefined;
  /** It answers at its socket. */
  probe = true;
  /** What its socket tells of it; undefined: not who it is. */
  bound: ProcessIdentity | undefined;
  readonly socket = async (): Promise<SocketLook> => {
    await Promise.resolve();
    if (!this.probe) return { state: 'silent', message: 'nobody listens' };
    return this.bound === undefined
      ? { state: 'unsure', message: 'whoever it is' }
      : { state: 'answers', identity: this.bound };
  };
  #startTicks = 0;
  #binds = 0;

  /** @param now wall-clock milliseconds of the machine */
  constructor(now: number = NOW) {
    this.#now = now;
    this.#boot = now - UPTIME_SECONDS * 1000;
    this.clock = new InstantClock(now);
    writeFileSync(this.logFile, '');
  }

  get system(): SignalOptions {
    return {
      procRoot: this.proc.root,
      now: () => this.#now,
      kill: (pid: number, signal: SafeSignal) => this.#onSignal(pid, signal),
    };
  }

  get now(): number {
    return this.#now;
  }

  /** The brick and its file, as the agent looks after them. */
  target(changes: Partial<VolfileTarget> = {}, options: Partial<TargetOptions> = {}): TargetState {
    return new TargetState(
      {
        process: 'brick',
        file: 'brick.vol',
        pidFile: this.pidFile,
        logFile: this.logFile,
        socket: this.socket,
        ...changes,
      },
      { glusterVersion: () => '11', clock: this.clock, log: silentLog, system: this.system, ...options },
    );
  }

  /** Lets time pass for everybody. */
  advance(ms: number): void {
    this.clock.time += ms;
    this.#now = this.clock.time;
    this.proc.uptime((this.#now - this.#boot) / 1000);
  }

  /** What the process finds under the path of its command line. */
  writeFile(text: string): void {
    mkdirSync(join(this.seenPath, '..'), { recursive: true });
    writeFileSync(this.seenPath, text);
  }

  /** Where that is for everybody else. */
  get seenPath(): string {
    return join(this.proc.root, String(PID), 'root', this.volfile);
  }

  /** @param secondsAgo age of the process */
  start(secondsAgo: number, text: string, logsGraph = true): void {
    this.#startTicks = Math.round((this.#now - this.#boot) / 10 - secondsAgo * 100);
    this.proc.put({
      pid: PID,
      exe: '/usr/sbin/glusterfsd',
      startTicks: this.#startTicks,
      ...(this.maps === undefined ? {} : { maps: this.maps }),
      cmdline: ['glusterfsd', '-N', '-f', this.volfile, '-l', '/brick.log', ...this.extraArguments],
    });
    this.writeFile(text);
    symlinkSync(this.logFile, join(this.proc.root, String(PID), 'root', 'brick.log'));
    writeFileSync(this.pidFile, `${PID}\n`);
    const startedAt = this.#now - secondsAgo * 1000;
    utimesSync(this.pidFile, startedAt / 1000, startedAt / 1000);
    this.loaded = text;
    if (logsGraph) this.log(startLog(startedAt, text));
  }

  /** A process in another namespace: its socket and its log are there, nothing else. @param secondsAgo since it bound its socket */
  startUnseen(secondsAgo: number, text: string, logsGraph = true): void {
    const startedAt = this.#now - secondsAgo * 1000;
    this.#binds += 1;
    this.probe = true;
    this.bound = { key: `socket:${this.#binds}`, name: `the process at /s bound ${this.#binds}`, startedAt };
    if (logsGraph) this.log(startLog(startedAt, text, this.volfile));
  }

  end(): void {
    this.proc.remove(PID);
  }

  log(text: string): void {
    appendFileSync(this.logFile, text);
  }

  readLog(): string {
    return readFileSync(this.logFile, 'utf8');
  }

  dispose(): void {
    this.proc.dispose();
  }

  #onTerm(): void {
    if (this.term === 'forbid') throw Object.assign(new Error('kill EPERM'), { code: 'EPERM' });
    this.terms.push(this.#now);
    this.onTerm(readFileSync(this.seenPath, 'utf8'));
    if (this.term === 'end') this.end();
  }

  #onSignal(pid: number, signal: SafeSignal): void {
    if (pid === PID && signal === 'SIGTERM') {
      this.#onTerm();
      return;
    }
    if (pid !== PID || signal !== 'SIGHUP') throw new Error(`${signal} to ${pid}`);
    this.hups.push(this.#now);
    const file = readFileSync(this.seenPath, 'utf8');
    this.onHup(file, this.loaded);
    const same = file === this.loaded;
    switch (this.hup) {
      case 'reconfigure':
        this.log(same ? line('glusterfs', 'No change in volfile, countinuing []') : reconfigureLog(file));
        this.loaded = file;
        return;
      case 'no-log':
      case 'quiet':
        this.loaded = file;
        if (this.hup === 'quiet') this.log(line('rpc-service', 'something else'));
        return;
      case 'die':
        this.end();
        return;
      case 'refuse':
        this.log(line('glusterfsd-mgmt', 'reconfigure failed, continuing with init'));
        this.log(line('glusterfsd', 'volume initialization failed []'));
        return;
      case 'poison':
        this.log(line('glusterfsd-mgmt', 'reconfigure failed, continuing with init'));
        this.log(line('', 'failed to construct the graph []'));
        return;
      case 'blind':
        this.log(line('glusterfsd', 'Cannot reach volume specification file []'));
    }
  }
}

function line(who: string, text: string, at = '2026-11-24 12:00:00.000001'): string {
  return `[${at} +0000] I [MSGID: 0] [file.c:1:function] 0-${who}: ${text} \n`;
}

const REPORTED = new Set(['thread-count', 'pass-through', 'count-fop-hits', 'latency-measurement']);

/** 11.1 reports the options that it takes, whether or not they have changed; not those of protocol/server about access. */
export function reconfigureLog(text: string): string {
  let log = '';
  for (const volume of graphOf(text).volumes) {
    for (const { key, value } of volume.options.values()) {
      if (REPORTED.has(key)) log += line(volume.name, `option ${key} using set value ${value}`);
    }
  }
  return log;
}

/** What the process writes when it starts. */
export function startLog(at: number, text: string, volfile = '/etc/volfiles/brick.vol'): string {
  const stamp = new Date(at + 5).toISOString().replace('T', ' ').replace('Z', '000');
  const rows: string[] = [];
  for (const { name, type, options, subvolumes } of graphOf(text).volumes) {
    rows.push(`volume ${name}`, `    type ${type}`);
    for (const { key, value } of options.values()) rows.push(`    option ${key} ${value}`);
    if (type === 'protocol/server') rows.push('    option rpc-auth.auth-null on');
    if (type === 'debug/io-stats') rows.push('    option auth-path /x');
    if (subvolumes.length > 0) rows.push(`    subvolumes ${subvolumes.join(' ')}`);
    rows.push('end-volume', ' ');
  }
  const bar = `+${'-'.repeat(78)}+\n`;
  const numbered = rows.map((row, index) => `${String(index + 1).padStart(3)}: ${row}\n`).join('');
  return `${line('glusterfsd', `Started running version [{arg=glusterfsd}, {version=11.1}, {cmdlinestr=glusterfsd -N -f ${volfile} -l /brick.log}]`, stamp)}Final graph:\n${bar}${numbered}${bar}`;
}

/** A directory with one file, as read. @param changedAt wall-clock milliseconds */
export function setOf(name: string, text: string, changedAt: number, frozen = false): VolfileSet {
  const bytes = Buffer.from(text);
  const sha256 = sha(text);
  const entry: VolfileEntry = { ok: true, bytes, sha256, changedAt, frozen };
  return { hash: sha256, dataDir: '/volfiles', kind: 'configmap', files: new Map([[name, entry]]), problem: undefined };
}

export function sha(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}
