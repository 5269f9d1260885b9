/** The agent itself: its configuration, whether it runs, its loops and its peers. */
import { formatDuration } from '../../../lib/units.ts';
import type { DoctorCheck } from '../finding.ts';

export const AGENT_CHECKS: readonly DoctorCheck[] = [
  {
    name: 'configuration',
    title: 'Is the configuration accepted?',
    judge: ({ configProblems = [] }) =>
      configProblems.length === 0
        ? []
        : [
            {
              severity: 'error',
              reason: 'ConfigInvalid',
              message: 'the agent does not start with this configuration',
              evidence: [...configProblems],
              remedy: 'correct what is named; brick-agent config --schema prints every key',
            },
          ],
  },
  {
    name: 'agent',
    title: 'Does the agent answer?',
    explainedBy: ['configuration'],
    judge: ({ agent }) =>
      agent.down === undefined
        ? []
        : [
            {
              severity: 'error',
              reason: 'AgentDown',
              message: 'the agent does not answer, so quotas, heal and volfiles are looked after by nobody',
              evidence: [agent.down],
              remedy:
                'look at its container: kubectl logs --previous, kubectl describe pod; what follows was seen without it',
            },
          ],
  },
];

/** Told last: mostly the consequence of something above. */
export const LOOP_CHECKS: readonly DoctorCheck[] = [
  {
    name: 'peers',
    title: 'Do the agents of the other bricks answer?',
    explainedBy: ['tls'],
    judge: ({ peers }) => {
      if (peers === undefined) return 'only the running agent asks';
      const silent = peers.filter(({ error }) => error !== undefined);
      if (silent.length === 0) return [];
      return [
        {
          severity: 'warning',
          reason: 'PeersSilent',
          message: `${silent.length} of ${peers.length} agents of other bricks do not answer: their limits and counts are those of their last answer`,
          evidence: silent.slice(0, 8).map(({ address, error }) => `${address}: ${error}`),
          remedy: 'are their pods up, and is the token the same everywhere?',
        },
      ];
    },
  },
  {
    name: 'loops',
    title: 'Do the agent’s loops succeed?',
    explainedBy: ['agent', 'disk', 'identity', 'brick-process', 'brick-port', 'brick-answers', 'shd-process'],
    judge: ({ agent: { loops }, now }) => {
      if (loops === undefined) return 'only the running agent knows';
      return loops
        .filter(({ lastError }) => lastError !== undefined)
        .map(({ name, lastError, failures, runs, lastSuccessAt }) => ({
          severity: 'warning',
          reason: 'LoopFails',
          message: `the last pass of ${name} failed: ${lastError}`,
          evidence: [
            `${failures} of ${runs} passes failed`,
            lastSuccessAt === undefined
              ? 'none has succeeded since the start'
              : `the last success was ${formatDuration(Math.max(0, now - lastSuccessAt))} ago`,
          ],
          remedy: 'it is tried again by itself; the log of the agent has more',
        }));
    },
  },
];
