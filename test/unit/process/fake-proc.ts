/** A /proc of our own in a temporary directory: what the kernel would show, without the kernel's processes. */
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export interface FakeProcess {
  pid: number;
  name?: string;
  state?: string;
  exe?: string;
  cmdline?: string[];
  startTicks?: number;
  fds?: Record<string, string>;
  unixTable?: string;
  status?: string;
  limits?: string;
  maps?: string;
  /** State of each thread. */
  threadStates?: string[];
}

export class FakeProc {
  readonly root: string;

  constructor(uptimeSeconds = 1000) {
    this.root = mkdtempSync(join(tmpdir(), 'fake-proc-'));
    this.uptime(uptimeSeconds);
    writeFileSync(join(this.root, 'stat'), 'cpu  1 2 3\nbtime 1700000000\n');
    this.locks('');
  }

  uptime(seconds: number): void {
    writeFileSync(join(this.root, 'uptime'), `${seconds.toFixed(2)} 5.00\n`);
  }

  locks(text: string): void {
    writeFileSync(join(this.root, 'locks'), text);
  }

  put(options: FakeProcess): void {
    const dir = join(this.root, String(options.pid));
    this.remove(options.pid);
    mkdirSync(join(dir, 'net'), { recursive: true });
    mkdirSync(join(dir, 'fd'));
    const rest = Array.from({ length: 30 }, () => '0');
    rest[0] = '1'; // field 4
    rest[14 - 4] = '150';
    rest[15 - 4] = '50';
    rest[20 - 4] = '12';
    rest[22 - 4] = String(options.startTicks ?? 50_000);
    const line = (state: string): string =>
      `${options.pid} (${options.name ?? 'glusterfsd'}) ${state} ${rest.join(' ')}\n`;
    writeFileSync(join(dir, 'stat'), line(options.state ?? 'S'));
    for (const [index, state] of (options.threadStates ?? ['S']).entries()) {
      mkdirSync(join(dir, 'task', String(options.pid + index)), { recursive: true });
      writeFileSync(join(dir, 'task', String(options.pid + index), 'stat'), line(state));
    }
    if (options.exe !== undefined) symlinkSync(options.exe, join(dir, 'exe'));
    writeFileSync(join(dir, 'cmdline'), (options.cmdline ?? []).map((word) => `${word}\0`).join(''));
    writeFileSync(join(dir, 'net', 'unix'), options.unixTable ?? '');
    writeFileSync(join(dir, 'status'), options.status ?? 'Name:\tx\nVmRSS:\t    2048 kB\n');
    writeFileSync(
      join(dir, 'limits'),
      options.limits ?? 'Max open files            1024                 4096   files\n',
    );
    if (options.maps !== undefined) writeFileSync(join(dir, 'maps'), options.maps);
    for (const [fd, target] of Object.entries(options.fds ?? {})) symlinkSync(target, join(dir, 'fd', fd));
  }

  remove(pid: number): void {
    rmSync(join(this.root, String(pid)), { recursive: true, force: true });
  }

  dispose(): void {
    rmSync(this.root, { recursive: true, force: true });
  }
}
