/** What a volfile would do, for the API: nothing is written, and no process hears of it. */
import { AgentError } from '../lib/errors.ts';
import { diffTexts, planView, problemView } from '../volfile/diff.ts';
import type { VolfileManager } from '../volfile/manager.ts';
import type { PlanAction } from '../volfile/plan.ts';
import type { Preview } from '../volfile/preview.ts';
import type { Agent } from './agent.ts';
import type { VolfilePlanService } from './http/services.ts';
import type { VolfileDiffRequest, VolfilePlanView } from './http/volfile-plan-schemas.ts';

/** What of the agent it needs, looked at with each request. */
interface Parts {
  readonly volfiles: Pick<VolfileManager, 'preview' | 'previewOf'> | undefined;
  readonly brick: Pick<Agent['brick'], 'majorVersion'>;
  readonly config: Pick<Agent['config'], 'volfileRestart'>;
}

export function volfilePlanService(agent: Parts): VolfilePlanService {
  const view = (preview: Preview): VolfilePlanView => previewView(preview, agent.config.volfileRestart);
  return {
    diff: async (request) => {
      const { new: text, old, process, role, glusterVersion } = request;
      if ((old === undefined) === (process === undefined)) throw new AgentError('BadRequest', ONE_OF);
      if (old !== undefined) return textsView(request, old, glusterVersion ?? agent.brick.majorVersion ?? '11');
      if (role !== undefined || glusterVersion !== undefined) throw new AgentError('BadRequest', OF_PROCESS);
      const preview = process === undefined ? undefined : await agent.volfiles?.previewOf(process, text);
      if (preview !== undefined) return view(preview);
      throw new AgentError('NotFound', `no volfile of the process "${process ?? ''}" is looked after`);
    },
    plan: async ({ files }) => {
      const { volfiles } = agent;
      if (volfiles === undefined)
        throw new AgentError('NotFound', 'volfiles are not watched: no volfileDir is configured');
      const previews = await volfiles.preview(new Map(Object.entries(files)));
      return { items: previews.map(view) };
    },
  };
}

const ONE_OF = 'compare with the text "old" or with what "process" runs: name one of them';
const OF_PROCESS = 'role and glusterVersion are of two texts; those of a process are known';

const MESSAGES: Readonly<Record<PlanAction, string>> = {
  none: 'nothing would be done',
  reload: 'a process that runs the old file takes the new one on reload',
  restart: 'a process that runs the old file has to be restarted',
  refuse: 'the new file is not acceptable: the process would be left alone',
};

function textsView(request: VolfileDiffRequest, old: string, gluster: '10' | '11'): VolfilePlanView {
  const { plan, action } = diffTexts(old, request.new, { role: request.role ?? 'auto', gluster, xlators: undefined });
  return {
    ...NO_PROCESS,
    kind: plan.kind,
    action,
    message: MESSAGES[action],
    ...planView(plan),
  };
}

const NO_PROCESS = {
  process: null,
  file: null,
  restartBy: null,
  outcome: null,
  reason: null,
  wantedSha256: null,
  runningSha256: null,
};

function previewView(of: Preview, policy: 'off' | 'auto'): VolfilePlanView {
  const { process, file, plan, action, outcome, reason, message, wantedHash, runningHash, problems } = of;
  return {
    process,
    file,
    kind: plan?.kind ?? null,
    action: action ?? null,
    restartBy: action === 'restart' ? (policy === 'auto' ? 'agent' : 'person') : null,
    outcome,
    reason,
    message,
    wantedSha256: wantedHash ?? null,
    runningSha256: runningHash ?? null,
    ...planView(plan),
    problems: problems.map(problemView),
  };
}
