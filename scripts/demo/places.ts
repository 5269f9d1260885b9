/** Chapter 8: where everything is, as lines that can be pasted; each was tried. */
import { runCommand } from '../../test/lab/command.ts';
import type { Stage } from './stage.ts';
import type { World } from './world.ts';

export async function showPlaces(stage: Stage, { agents, tokenFile, lab }: World): Promise<void> {
  stage.heading('Where to look');
  const [agent] = agents;
  if (agent === undefined) return;
  const ops = `http://127.0.0.1:${agent.opsPort}`;
  const api = `http://127.0.0.1:${agent.apiPort}`;
  const auth = `-H "Authorization: Bearer $(cat ${tokenFile})"`;
  const lines: [what: string, command: string, expected: RegExp][] = [
    ['metrics', `curl -s ${ops}/metrics | grep ^gluster_quota_limit_bytes`, /pvc-alpha/],
    ['probes', `curl -s '${ops}/readyz?verbose'`, /readyz check passed/],
    ['API over TCP, with the token', `curl -s ${auth} ${api}/v1/quotas/pvc-alpha`, /"limitBytes":"50331648"/],
    ['API on the unix socket', `curl -s --unix-socket ${agent.socketPath} http://agent/v1/status`, /"ready":true/],
    ['command line', `BRICK_AGENT_SOCKET_PATH=${agent.socketPath} node dist/main.js status`, /Ready +yes/],
  ];
  const hasCurl = (await runCommand(['sh', '-c', 'command -v curl'])).code === 0;
  for (const [what, command, expected] of lines) {
    if (command.startsWith('curl') && !hasCurl) {
      stage.say(`${what} (not tried, this machine has no curl):`);
      stage.command(command);
      continue;
    }
    const { stdout, stderr } = await runCommand(['sh', '-c', command]);
    stage.command(command, what === 'metrics' || what === 'command line' ? stdout : undefined);
    stage.check(what, expected.test(stdout), stdout + stderr);
  }
  stage.say(`Logs, sockets, volfiles and backends are below ${lab.dir}.`);
}
