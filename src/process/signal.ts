/** Sends a signal to a proven process, with the proof renewed in the same breath: pids are used again. */
import { errnoOf, errorMessage } from '../lib/errors.ts';
import { isSameProcess, readProcess, type ProcessInfo, type ProcOptions } from './identity.ts';

/** SIGUSR2 is left out: a process without a graph dies of it. */
export type SafeSignal = 'SIGHUP' | 'SIGUSR1' | 'SIGTERM';

export type SignalResult =
  { ok: true; at: number } | { ok: false; reason: 'Gone' | 'Changed' | 'NoPermission' | 'Failed'; message: string };

export interface SignalOptions extends ProcOptions {
  /** `process.kill`, replaceable in tests. */
  kill?: (pid: number, signal: SafeSignal) => void;
}

/**
 * @param proven what `proveProcess` returned; its pid, start time and executable are compared right before the signal
 * @returns `at`: wall-clock milliseconds of the signal
 */
export async function signalProven(
  proven: ProcessInfo,
  signal: SafeSignal,
  options: SignalOptions = {},
): Promise<SignalResult> {
  const now = await readProcess(proven.pid, options);
  if (now === undefined || now.state === 'Z') {
    return { ok: false, reason: 'Gone', message: `pid ${proven.pid} has ended; no ${signal} was sent` };
  }
  if (!isSameProcess(proven, now) || now.exe === undefined || now.exe !== proven.exe) {
    return { ok: false, reason: 'Changed', message: `pid ${proven.pid} is another process now; no ${signal} was sent` };
  }
  const kill = options.kill ?? process.kill.bind(process);
  try {
    kill(proven.pid, signal);
    return { ok: true, at: (options.now ?? Date.now)() };
  } catch (error) {
    return { ok: false, ...killFailure(error, proven.pid, signal) };
  }
}

function killFailure(
  error: unknown,
  pid: number,
  signal: SafeSignal,
): { reason: 'Gone' | 'NoPermission' | 'Failed'; message: string } {
  const errno = errnoOf(error);
  if (errno === 'ESRCH') return { reason: 'Gone', message: `pid ${pid} ended before ${signal}` };
  if (errno === 'EPERM') {
    return { reason: 'NoPermission', message: `no right to send ${signal} to pid ${pid}: add the KILL capability` };
  }
  return { reason: 'Failed', message: `${signal} to pid ${pid} failed: ${errorMessage(error)}` };
}
