/** Runs the checks and puts what they find in the order in which a person should look at it. Pure. */
import { errorMessage } from '../../lib/errors.ts';
import { DOCTOR_CHECKS } from './checks.ts';
import type { DoctorFacts } from './facts.ts';
import type { CheckOutcome, DoctorCheck, DoctorReport, Finding, FindingSeverity, Judgement } from './finding.ts';

const RANK: Record<FindingSeverity, number> = { error: 0, warning: 1, info: 2 };

/** @param checks in the order of likely cause: what stands earlier explains more */
export function diagnose(facts: DoctorFacts, checks: readonly DoctorCheck[] = DOCTOR_CHECKS): DoctorReport {
  const judged = checks.map((check) => ({ check, verdict: judge(check, facts) }));
  const broken = new Set(
    judged.flatMap(({ check, verdict }) =>
      typeof verdict !== 'string' && verdict.some(({ severity }) => severity === 'error') ? [check.name] : [],
    ),
  );
  const findings = judged.flatMap(({ check, verdict }) =>
    typeof verdict === 'string' ? [] : verdict.map((judgement) => findingOf(check, judgement, broken)),
  );
  return {
    source: facts.source,
    at: facts.now,
    checks: judged.map(({ check, verdict }) => outcomeOf(check, verdict)),
    // A stable sort: among equals the order of the checks stays.
    findings: findings.toSorted(
      (a, b) => Number(isConsequence(a)) - Number(isConsequence(b)) || RANK[a.severity] - RANK[b.severity],
    ),
  };
}

export function isConsequence({ followsFrom, severity }: Pick<Finding, 'followsFrom' | 'severity'>): boolean {
  return followsFrom.length > 0 || severity === 'info';
}

/** A bug in one check is that check's finding; the others still have their say. */
function judge(check: DoctorCheck, facts: DoctorFacts): Judgement[] | string {
  try {
    return check.judge(facts);
  } catch (error) {
    return `the check itself failed: ${errorMessage(error)}`;
  }
}

function findingOf(check: DoctorCheck, judgement: Judgement, broken: ReadonlySet<string>): Finding {
  const { explainedBy = [], ...told } = judgement;
  const causes = [...(check.explainedBy ?? []), ...explainedBy];
  return { check: check.name, ...told, followsFrom: causes.filter((name) => name !== check.name && broken.has(name)) };
}

function outcomeOf({ name, title }: DoctorCheck, verdict: Judgement[] | string): CheckOutcome {
  if (typeof verdict === 'string') return { name, title, result: 'NotChecked', why: verdict };
  return { name, title, result: verdict.length === 0 ? 'Ok' : 'Finding', why: undefined };
}
