import type { DoctorView } from '../http/doctor-schema.ts';
import type { DoctorReport } from './finding.ts';

export function doctorView({ source, at, findings, checks }: DoctorReport): DoctorView {
  return {
    source,
    at: new Date(at).toISOString(),
    findings: findings.map(({ check, severity, reason, message, evidence, remedy, followsFrom }) => {
      return { check, severity, reason, message, evidence, remedy: remedy ?? null, followsFrom };
    }),
    checks: checks.map(({ name, title, result, why }) => ({ name, title, result, why: why ?? null })),
  };
}
