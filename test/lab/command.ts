/** Runs a tool to its end. */
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { AgentError } from '../../src/lib/errors.ts';

const execFileAsync = promisify(execFile);

/** Tools such as glfsheal answer within a second or two; a full minute means that they hang. */
const DEADLINE_MS = 60_000;
/** A listing of a large volume still fits. */
const MAX_OUTPUT = 32 * 1024 * 1024;

export interface CommandResult {
  code: number;
  stdout: string;
  stderr: string;
}

export interface CommandOptions {
  env?: Record<string, string | undefined>;
  /** Default one minute. */
  timeoutMs?: number;
}

/**
 * A failure of the tool is a result, not an exception.
 *
 * @throws AgentError `Timeout`; `Internal` when it cannot be started, dies of a signal or says too much
 */
export async function runCommand(command: readonly string[], options: CommandOptions = {}): Promise<CommandResult> {
  const [file = '', ...args] = command;
  const timeoutMs = options.timeoutMs ?? DEADLINE_MS;
  const start = performance.now();
  try {
    const { stdout, stderr } = await execFileAsync(file, args, {
      timeout: timeoutMs,
      killSignal: 'SIGKILL',
      maxBuffer: MAX_OUTPUT,
      ...(options.env ? { env: options.env } : {}),
    });
    return { code: 0, stdout, stderr };
  } catch (cause) {
    const result = failedResult(cause);
    if (result !== undefined) return result;
    const what = command.join(' ');
    if (performance.now() - start >= timeoutMs) {
      throw new AgentError('Timeout', `${what}: no end within ${timeoutMs} ms`, { cause });
    }
    throw new AgentError('Internal', `${what}: could not be run`, { cause });
  }
}

function failedResult(error: unknown): CommandResult | undefined {
  if (!(error instanceof Error) || !('code' in error) || typeof error.code !== 'number') return undefined;
  const text = (key: string): string => String(Reflect.get(error, key) ?? '');
  return { code: error.code, stdout: text('stdout'), stderr: text('stderr') };
}
