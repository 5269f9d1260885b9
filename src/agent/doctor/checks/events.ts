/** Events to Kubernetes: an operator who waits for them must hear that none can come. */
import { formatDuration } from '../../../lib/units.ts';
import type { DoctorCheck } from '../finding.ts';

export const EVENT_CHECKS: readonly DoctorCheck[] = [
  {
    name: 'kubernetes-events',
    title: 'Can Kubernetes Events be written?',
    judge: ({ events, now }) => {
      if (events === undefined) return 'only the running agent writes them';
      if (events === 'Off') return [];
      const { trouble, sent, failed, dropped, lastSuccessAt } = events;
      if (trouble === undefined) return lastSuccessAt === undefined ? 'none was tried yet' : [];
      const { reason, message, remedy, at } = trouble;
      const last =
        lastSuccessAt === undefined
          ? 'no request has succeeded since the start'
          : `the last success was ${formatDuration(Math.max(0, now - lastSuccessAt))} ago`;
      return [
        {
          severity: 'warning',
          reason: `Events${reason}`,
          message: `Events cannot be written: ${message}`,
          evidence: [
            `seen ${formatDuration(Math.max(0, now - at))} ago; ${last}`,
            `${sent} sent, ${failed} given up, ${dropped.rate + dropped.queue} not sent`,
          ],
          remedy,
        },
      ];
    },
  },
];
