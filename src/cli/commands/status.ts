import { Check } from 'typebox/value';
import { statusSchema } from '../../agent/http/schemas.ts';
import { AgentError } from '../../lib/errors.ts';
import { formatBytes } from '../../lib/units.ts';
import type { AgentClient } from '../client.ts';
import { printJson, type Output } from '../output.ts';
import type { ExitCode } from '../program.ts';
import { colourStatus, printable } from '../table.ts';
import { printHeal } from './heal.ts';
import { printVolfiles } from './volfile.ts';

/** Exit 1 when the agent is not ready. */
export async function statusCommand(client: AgentClient, output: Output, json: boolean): Promise<ExitCode> {
  const status = await client.get('/v1/status');
  if (!Check(statusSchema, status))
    throw new AgentError('RpcProtocol', 'the agent answered something else than a status');
  const exit = status.ready ? 0 : 1;
  if (json) {
    printJson(output, status);
    return exit;
  }
  const { brick, quotas, version } = status;
  output.line(`Agent       ${version.version}, GlusterFS ${version.gluster ?? 'unknown'}`);
  output.line(`Volume      ${brick.volume} (${brick.volumeId}), brick ${brick.brickIndex}`);
  output.line(
    `Brick       ${printable(brick.brickPath)} on ${printable(brick.hostname)}${brick.fenced ? ', FENCED' : ''}`,
  );
  if (brick.capacity !== null) {
    const { availableBytes, totalBytes } = brick.capacity;
    output.line(`Capacity    ${formatBytes(BigInt(availableBytes))} of ${formatBytes(BigInt(totalBytes))} available`);
  }
  output.line(`Ready       ${status.ready ? 'yes' : `no: ${status.notReady.join('; ')}`}`);
  for (const { type, status: value, reason, message } of brick.conditions) {
    if (value !== 'True') output.line(`  ${type} ${colourStatus(value)} ${reason}: ${message}`);
  }
  output.line(
    `Quotas      ${quotas.pvs} PVs, ${quotas.withLimit} with a limit, ${quotas.notOnDisk} not on disk, ${quotas.notLive} not live, ${quotas.refused} refused`,
  );
  printHeal(output, status.heal);
  printVolfiles(output, status.volfiles);
  return exit;
}
