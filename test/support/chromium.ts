/** A real browser for the tests of the status page: headless Chromium, driven over its DevTools protocol. */
import { spawn, type ChildProcess } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { withDeadline } from '../../src/lib/deadline.ts';
import { waitFor } from '../lab/wait.ts';

const NAMES = ['chromium', 'chromium-browser', 'google-chrome'];
/** A cold start on a busy machine. */
const START_MS = 60_000;
const CALL_MS = 20_000;

/** Undefined: there is none on this machine. */
export function findChromium(): string | undefined {
  const dirs = (process.env['PATH'] ?? '').split(delimiter);
  return NAMES.flatMap((name) => dirs.map((dir) => join(dir, name))).find((path) => existsSync(path));
}

export interface Viewport {
  width: number;
  height: number;
  scheme?: 'light' | 'dark';
}

/** What the page did that it should not do. */
export interface PageTrouble {
  /** Errors and warnings of console, policy and scripts. */
  errors: string[];
  /** URLs that were asked for. */
  requests: string[];
}

interface Message {
  id?: number;
  method?: string;
  params?: Record<string, unknown>;
  result?: Record<string, unknown>;
  error?: { message: string };
}

export class Chromium {
  readonly #child: ChildProcess;
  readonly #dir: string;
  readonly #socket: WebSocket;
  readonly #waiting = new Map<
    number,
    { resolve: (result: Record<string, unknown>) => void; reject: (error: Error) => void }
  >();
  readonly trouble: PageTrouble = { errors: [], requests: [] };
  #nextId = 1;
  #session: string | undefined;

  private constructor(child: ChildProcess, dir: string, socket: WebSocket) {
    this.#child = child;
    this.#dir = dir;
    this.#socket = socket;
    socket.addEventListener('message', ({ data }) => this.#take(JSON.parse(String(data))));
  }

  static async start(executable: string): Promise<Chromium> {
    const dir = await mkdtemp(join(tmpdir(), 'gba-chromium-'));
    const flags = [
      '--headless',
      '--no-sandbox',
      '--disable-gpu',
      '--disable-quic',
      '--disable-dev-shm-usage',
      '--no-first-run',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
      '--hide-scrollbars',
      `--user-data-dir=${dir}`,
      '--remote-debugging-port=0',
    ];
    const child = spawn(executable, [...flags, 'about:blank'], { stdio: 'ignore' });
    const port = await waitFor(
      'the DevTools port of Chromium',
      async () => {
        const [port, path] = (await readFile(join(dir, 'DevToolsActivePort'), 'utf8')).split('\n');
        return port === undefined || path === undefined ? undefined : `${port}${path}`;
      },
      { timeoutMs: START_MS },
    );
    const socket = new WebSocket(`ws://127.0.0.1:${port}`);
    await withDeadline(CALL_MS, 'connecting to Chromium', async () => {
      await new Promise((resolve, reject) => {
        socket.addEventListener('open', resolve, { once: true });
        socket.addEventListener('error', () => reject(new Error('no connection to Chromium')), { once: true });
      });
    });
    const browser = new Chromium(child, dir, socket);
    await browser.#open();
    return browser;
  }

  async #open(): Promise<void> {
    const { targetId } = await this.call('Target.createTarget', { url: 'about:blank' });
    const { sessionId } = await this.call('Target.attachToTarget', { targetId, flatten: true });
    this.#session = String(sessionId);
    for (const domain of ['Page', 'Runtime', 'Log', 'Network']) await this.call(`${domain}.enable`);
  }

  async call(method: string, params: Record<string, unknown> = {}): Promise<Record<string, unknown>> {
    const id = this.#nextId;
    this.#nextId += 1;
    return await withDeadline(CALL_MS, method, async () => {
      return await new Promise<Record<string, unknown>>((resolve, reject) => {
        this.#waiting.set(id, { resolve, reject });
        const session = this.#session === undefined ? {} : { sessionId: this.#session };
        this.#socket.send(JSON.stringify({ id, method, params, ...session }));
      });
    });
  }

  async view({ width, height, scheme = 'light' }: Viewport): Promise<void> {
    await this.call('Emulation.setDeviceMetricsOverride', { width, height, deviceScaleFactor: 1, mobile: width < 500 });
    await this.call('Emulation.setEmulatedMedia', { features: [{ name: 'prefers-color-scheme', value: scheme }] });
  }

  /** Forgets the trouble of the page before. */
  async goto(url: string): Promise<void> {
    this.trouble.errors.length = 0;
    this.trouble.requests.length = 0;
    await this.call('Page.navigate', { url });
  }

  /** The value of an expression in the page. @throws Error when it throws */
  async evaluate(expression: string): Promise<unknown> {
    const { result, exceptionDetails } = await this.call('Runtime.evaluate', {
      expression,
      returnByValue: true,
      awaitPromise: true,
    });
    if (exceptionDetails !== undefined) throw new Error(JSON.stringify(exceptionDetails));
    return typeof result === 'object' && result !== null && 'value' in result ? result.value : undefined;
  }

  /** Waits until the text of the page, as it is shown, fits. @returns that text */
  async waitText(pattern: RegExp, timeoutMs = 20_000): Promise<string> {
    let text = '';
    const look = async (): Promise<boolean> => {
      text = String(await this.evaluate('document.body.innerText'));
      return pattern.test(text);
    };
    await waitFor(`${pattern} in the page`, look, { timeoutMs }).catch((cause: unknown) => {
      throw new Error(`no ${pattern} in the page:\n${text}`, { cause });
    });
    return text;
  }

  /** The whole page, also what has to be scrolled to. @param clip only this part, from its top left corner */
  async screenshot(file: string, clip?: { width: number; height: number }): Promise<void> {
    const { data } = await this.call('Page.captureScreenshot', {
      format: 'png',
      captureBeyondViewport: true,
      ...(clip === undefined ? {} : { clip: { x: 0, y: 0, scale: 1, ...clip } }),
    });
    await writeFile(file, Buffer.from(String(data), 'base64'));
  }

  async stop(): Promise<void> {
    this.#session = undefined;
    await this.call('Browser.close').catch(() => this.#child.kill('SIGKILL'));
    this.#socket.close();
    await waitFor('the end of Chromium', () => this.#child.exitCode !== null || this.#child.signalCode !== null, {
      timeoutMs: CALL_MS,
    });
    await rm(this.#dir, { recursive: true, force: true, maxRetries: 5 });
  }

  #take({ id, method, params, result, error }: Message): void {
    if (id === undefined) {
      this.#note(method, params ?? {});
      return;
    }
    const waiting = this.#waiting.get(id);
    this.#waiting.delete(id);
    if (error === undefined) waiting?.resolve(result ?? {});
    else waiting?.reject(new Error(error.message));
  }

  #note(method: string | undefined, params: Record<string, unknown>): void {
    const { errors, requests } = this.trouble;
    if (method === 'Network.requestWillBeSent') requests.push(String(Reflect.get(Object(params['request']), 'url')));
    if (method === 'Runtime.exceptionThrown') errors.push(JSON.stringify(params['exceptionDetails']));
    if (method === 'Log.entryAdded') errors.push(JSON.stringify(params['entry']));
    if (method === 'Runtime.consoleAPICalled') errors.push(JSON.stringify(params['args']));
  }
}
