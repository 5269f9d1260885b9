import type { Worker } from 'node:worker_threads';
import closeWithGrace from 'close-with-grace';
import type { Logger } from 'pino';
import { systemClock } from '../lib/clock.ts';
import { AgentError, isAgentError } from '../lib/errors.ts';
import { turn } from '../lib/turn.ts';
import { Agent } from './agent.ts';
import { agentFacts, type AskedFacts } from './doctor/agent-facts.ts';
import { diagnose } from './doctor/diagnose.ts';
import { doctorView } from './doctor/view.ts';
import { eventsConfig } from './config/events.ts';
import { describeConfig, type Config } from './config/load.ts';
import { createApiServer, readToken } from './http/api-server.ts';
import type { EventDuty } from './kubernetes/event-duty.ts';
import { listenTcp } from './http/listen.ts';
import { createOpsServer } from './http/ops-server.ts';
import type { ApiServices, OpsServices } from './http/services.ts';
import { SocketClaim } from './http/socket-claim.ts';
import { disruptionService, preStopView } from './disruption-views.ts';
import { replacementService } from './replacement-views.ts';
import { resolveService } from './resolve-views.ts';
import { splitBrainService } from './split-brain-views.ts';
import { volfilePlanService } from './volfile-plans.ts';
import { createLogger } from './logger.ts';
import { pageStatus } from './page-view.ts';
import { loadTls } from './tls/load.ts';
import { RecentLog } from './recent-log.ts';
import { AGENT_VERSION } from './version.ts';
import {
  adoptionService,
  healView,
  operationView,
  scanStatusView,
  peerQuotasView,
  quotaService,
  statusView,
  versionView,
  volfileListView,
} from './views.ts';

/** Longest that stopping may take before the process just ends, in milliseconds. */
const STOP_DEADLINE_MS = 4_500;
/** Whether the agent's own system calls come back, its API listens, and has a certificate, is no business of the brick's. */
const AGENTS_OWN_CHECKS = new Set(['brick-disk', 'api', 'tls']);
/** Longer than a peer may take; in milliseconds. */
const DISRUPTION_DEADLINE_MS = 8_000;

/**
 * Runs the agent until SIGTERM or SIGINT.
 *
 * @param thread the brick's, where one was started ahead
 * @throws AgentError `ConfigInvalid` when a listener cannot be opened or the token file or the TLS files are wrong; everything is stopped then
 */
export async function runAgent(config: Config, thread?: Worker): Promise<0> {
  const recent = new RecentLog();
  const log = createLogger(config.logLevel, { volume: config.volume, brick: config.brickPath }, recent);
  const token = config.apiTokenFile === undefined ? undefined : readToken(config.apiTokenFile);
  log.info({ version: AGENT_VERSION, node: process.version, config: describeConfig(config) }, 'starting');
  const tls = await loadTls(config, log.child({ part: 'tls' }));
  const access = token === undefined ? undefined : { token, tls };
  const events = await loadEvents(config, log);
  const agent = new Agent(config, log, AGENT_VERSION, { access, thread, events });
  const servers: Closable[] = [];
  try {
    const claim = await SocketClaim.bind('socketPath', config.socketPath);
    servers.push(claim);
    // What it asks of the brick first is on its way while the listeners are made.
    agent.start();
    await listen({ agent, config, log, recent, token, claim }, servers);
  } catch (error) {
    await stop(agent, servers);
    throw error;
  }
  return await new Promise<0>((resolve) => {
    const onTimeout = (): void => {
      log.error({ deadlineMs: STOP_DEADLINE_MS }, 'stopping takes too long: ending without it');
      endByForce();
    };
    closeWithGrace({ delay: STOP_DEADLINE_MS, logger: log, onTimeout }, async ({ err, signal }) => {
      if (err !== undefined) log.error({ err }, 'stopping after an unexpected error');
      else log.info({ signal }, 'stopping');
      const hasEnded = await stop(agent, servers);
      log.info({}, 'stopped');
      if (!hasEnded) {
        log.warn({}, 'a thread is held by a system call on the brick: ending by signal');
        endByForce();
      }
      resolve(0);
    });
  });
}

/** @returns undefined where they are off: then nothing of it is loaded */
async function loadEvents(config: Config, log: Logger): Promise<EventDuty | undefined> {
  const wanted = eventsConfig(config);
  if (wanted === undefined) return undefined;
  const { EventDuty } = await import('./kubernetes/event-duty.ts');
  return new EventDuty(wanted, systemClock, log.child({ part: 'kubernetes' }));
}

interface Closable {
  close: () => Promise<void>;
}

interface Parts {
  agent: Agent;
  config: Config;
  log: Logger;
  recent: RecentLog;
  token: string | undefined;
  claim: SocketClaim;
}

/** Probes come first: they must answer while the brick is still being looked at. */
async function listen({ agent, config, log, recent, token, claim }: Parts, servers: Closable[]): Promise<void> {
  await turn();
  const ops = createOpsServer(opsServices(agent), log.child({ part: 'ops' }));
  servers.push(ops);
  const opsPort = await listenTcp(ops, 'opsListen', config.opsListen);
  await turn();
  const services = apiServices(agent, recent);
  const local = await createApiServer({
    services,
    log: log.child({ part: 'api' }),
    version: AGENT_VERSION,
    token: undefined,
    claim,
  });
  servers.push(local);
  await turn();
  if (token === undefined) {
    agent.noteApiListens();
    log.info(
      { opsPort, socket: config.socketPath },
      'listening; no apiTokenFile, so the API is on the unix socket only',
    );
    return;
  }
  const remote = await createApiServer({
    services,
    log: log.child({ part: 'api' }),
    version: AGENT_VERSION,
    token,
    tls: agent.tls,
  });
  servers.push(remote);
  const apiPort = await listenTcp(remote, 'apiListen', config.apiListen);
  agent.noteApiListens();
  const scheme = agent.tls === undefined ? 'http' : 'https';
  log.info({ opsPort, apiPort, scheme, socket: config.socketPath }, 'listening');
}

function opsServices(agent: Agent): OpsServices {
  const { config, livez, readyz, watch } = agent;
  const brick = {
    livez: watch.brickLiveness(),
    readyz: [...readyz.filter(({ name }) => !AGENTS_OWN_CHECKS.has(name)), watch.statfsCheck(), watch.healthCheck()],
    startupz: watch.brickStartup(),
    shdLivez: config.shdExpected ? watch.shdLiveness() : [],
  };
  const probes = {
    '/livez': livez,
    '/readyz': readyz,
    '/brick/livez': brick.livez,
    '/brick/readyz': brick.readyz,
    '/brick/startupz': brick.startupz,
    ...(config.shdExpected ? { '/shd/livez': brick.shdLivez } : {}),
  };
  return {
    livez,
    readyz,
    brick,
    preStop: async () => preStopView(await agent.disruption.preStop(config.preStopWaitMs)),
    metrics: (request) => agent.metrics.render(request),
    page: config.statusPage === 'on' ? (query) => pageStatus(agent, AGENT_VERSION, probes, query) : undefined,
  };
}

function apiServices(agent: Agent, recent: RecentLog): ApiServices {
  return {
    version: () => versionView(agent, AGENT_VERSION),
    log: () => recent.lines(),
    doctor: async () => doctorView(diagnose(agentFacts(agent, await askedFacts(agent)))),
    status: () => statusView(agent, AGENT_VERSION),
    quotas: quotaService(agent),
    scans: {
      status: () => scanStatusView(agent),
      request: (pv) => agent.quota.scanner.request(pv),
      cancel: async (pv) => await agent.quota.scanner.cancel(pv),
    },
    repairs: agent.quota.repairer,
    adoptions: adoptionService(agent),
    heal: {
      view: () => healView(agent),
      operation: (id) => {
        const operation = agent.heal.operation(id);
        return operation === undefined ? undefined : operationView(operation);
      },
      start: (kind) => {
        if (!agent.config.shdExpected) {
          throw new AgentError(
            'NotSupported',
            'this pod has no self-heal daemon (shd is off, or the volume keeps one copy)',
          );
        }
        return operationView(agent.heal.start(kind));
      },
    },
    healEntries: agent.healInsight,
    disruption: disruptionService(agent),
    splitBrain: splitBrainService(agent),
    resolve: resolveService(agent),
    replacement: replacementService(agent),
    volfiles: () => volfileListView(agent),
    volfilePlans: volfilePlanService(agent),
    peerQuotas: () => peerQuotasView(agent),
  };
}

/** What the doctor asks others for, at the same time; undefined when it cannot be said. */
async function askedFacts({ healInsight, disruption }: Agent): Promise<AskedFacts> {
  const [healFindings, verdict] = await Promise.all([
    known(async () => await healInsight.findings()),
    known(async () => await disruption.check(AbortSignal.timeout(DISRUPTION_DEADLINE_MS))),
  ]);
  return { healFindings, disruption: verdict };
}

async function known<T>(ask: () => Promise<T>): Promise<T | undefined> {
  try {
    return await ask();
  } catch (error) {
    // The agent stops, or the other side does: the doctor then says that it was not asked.
    if (isAgentError(error)) return undefined;
    throw error;
  }
}

/** @returns whether nothing is left that would hold up the exit of the process */
async function stop(agent: Agent, servers: readonly Closable[]): Promise<boolean> {
  // The loops end while the servers wait for requests in flight, which may need the loops' answers no more.
  const [hasEnded] = await Promise.all([agent.stop(), ...servers.map(async (server) => await server.close())]);
  return hasEnded;
}

/** `process.exit()` waits for all threads, also for one in a system call that never returns; the default action of a signal does not. */
function endByForce(): void {
  process.removeAllListeners('SIGTERM');
  process.kill(process.pid, 'SIGTERM');
}
