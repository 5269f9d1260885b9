/** Whether the brick may be stopped: nothing is wrong where it may not, but who is about to do it must know. */
import type { DoctorCheck } from '../finding.ts';

export const STOP_CHECKS: readonly DoctorCheck[] = [
  {
    name: 'stop',
    title: 'May this brick be stopped now?',
    judge: ({ disruption }) => {
      if (disruption === undefined) return 'the agents of the other bricks were not asked';
      const { verdict, reasons } = disruption;
      const [first] = reasons;
      if (verdict === 'Safe' || first === undefined) return [];
      const words = verdict === 'Unsafe' ? 'must not be stopped now' : 'is not known to be safe to stop';
      return [
        {
          severity: 'info',
          reason: first.code,
          message: `this brick ${words}: ${first.message}`,
          evidence: reasons.map(({ code, message }) => `${code}: ${message}`),
          remedy: first.remedy,
        },
      ];
    },
  },
];
