/**
 * Every check, in the order of likely cause: what stands earlier explains more of what stands later. A new one is a row in one
 * of the tables, and what it looks at a member of the facts.
 */
import { AGENT_CHECKS, LOOP_CHECKS } from './checks/agent.ts';
import { BRICK_CHECKS } from './checks/brick.ts';
import { EVENT_CHECKS } from './checks/events.ts';
import { HEAL_CHECKS } from './checks/heal.ts';
import { PROCESS_CHECKS } from './checks/process.ts';
import { QUOTA_CHECKS } from './checks/quota.ts';
import { STOP_CHECKS } from './checks/stop.ts';
import { TLS_CHECKS } from './checks/tls.ts';
import type { DoctorCheck } from './finding.ts';

export const DOCTOR_CHECKS: readonly DoctorCheck[] = [
  ...AGENT_CHECKS,
  ...BRICK_CHECKS,
  ...PROCESS_CHECKS,
  ...QUOTA_CHECKS,
  ...HEAL_CHECKS,
  ...STOP_CHECKS,
  ...TLS_CHECKS,
  ...EVENT_CHECKS,
  ...LOOP_CHECKS,
];
