/** What a check says, and what a check is. */
import type { DoctorFacts } from './facts.ts';

/** `info` is worth knowing and needs nobody. */
export type FindingSeverity = 'error' | 'warning' | 'info';

/** Exit code of a command whose worst finding is such a one; 2 is a command that was used wrongly. */
const EXIT_CODES = { info: 0, warning: 1, error: 3 } as const satisfies Record<FindingSeverity, number>;

/** 0: nothing that needs anybody; 1: the worst is a warning; 3: an error, be it a consequence of another. */
export function exitOf(findings: readonly { severity: FindingSeverity }[]): 0 | 1 | 3 {
  return findings.reduce<0 | 1 | 3>((worst, { severity }) => {
    const code = EXIT_CODES[severity];
    return code > worst ? code : worst;
  }, 0);
}

export interface Judgement {
  severity: FindingSeverity;
  /** One CamelCase word for programs. */
  reason: string;
  /** One sentence. */
  message: string;
  /** What was seen, each in a few words. */
  evidence: string[];
  /** What to do; undefined: nothing. */
  remedy: string | undefined;
  /** As of its check, for this finding alone; they come beside those. */
  explainedBy?: readonly string[];
}

export interface DoctorCheck {
  /** Stable, in kebab-case. */
  name: string;
  /** The question it answers. */
  title: string;
  /**
   * Pure. Nothing found is an empty list; a text says why it could not be looked at, which is never shown as fine.
   */
  judge: (facts: DoctorFacts) => Judgement[] | string;
  /** Checks whose errors explain what this one finds: its findings are then consequences, told after the causes. */
  explainedBy?: readonly string[];
}

export interface Finding extends Judgement {
  /** Name of the check. */
  check: string;
  /** Checks that explain it; empty: it is a cause, as far as can be told. */
  followsFrom: string[];
}

export interface CheckOutcome {
  name: string;
  title: string;
  result: 'Ok' | 'Finding' | 'NotChecked';
  /** Why it was not checked. */
  why: string | undefined;
}

export interface DoctorReport {
  /** The running agent, or a command that looked without one. */
  source: 'Agent' | 'Offline';
  /** Wall-clock milliseconds. */
  at: number;
  checks: CheckOutcome[];
  /** The likely cause first. */
  findings: Finding[];
}
