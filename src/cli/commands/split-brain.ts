import { Check } from 'typebox/value';
import { splitBrainSchema, type SplitBrainView } from '../../agent/http/heal-schemas.ts';
import { AgentError } from '../../lib/errors.ts';
import { formatBytes } from '../../lib/units.ts';
import type { AgentClient } from '../client.ts';
import { printJson, type Output } from '../output.ts';
import type { ExitCode } from '../program.ts';
import { formatTable } from '../table.ts';

type Copy = SplitBrainView['items'][number]['copies'][number];

/** Exit 1 when there is any, and when it is not known. */
export async function healSplitBrain(client: AgentClient, output: Output, json: boolean): Promise<ExitCode> {
  const view = await client.get('/v1/heal/split-brain');
  if (!Check(splitBrainSchema, view))
    throw new AgentError('RpcProtocol', 'the agent answered something else than a list of split-brains');
  if (json) printJson(output, view);
  else print(output, view);
  return view.items.length === 0 && view.unknown === null ? 0 : 1;
}

function print(output: Output, { unknown, checkedAt, items }: SplitBrainView): void {
  if (unknown !== null) output.line(`Not known of all that waits: ${unknown}`);
  else if (items.length === 0) output.line(`No split-brain, as of ${checkedAt ?? 'never'}.`);
  for (const { gfid, kinds, type, path, copies, since } of items) {
    output.line('');
    output.line(path ?? '(path not known)');
    output.line(`  ${gfid}  ${type}  ${kinds.join(', ')}  since ${since}`);
    output.line(copyTable(copies).replaceAll(/^/gm, '  '));
  }
}

function copyTable(copies: readonly Copy[]): string {
  return formatTable<Copy>(
    [
      { title: 'BRICK', cell: ({ brickIndex, isArbiter }) => `${brickIndex}${isArbiter ? ' (arbiter)' : ''}` },
      { title: 'COPY', cell: ({ state, named }) => (named === null ? state : `${named.type} ${named.gfid}`) },
      {
        title: 'SIZE',
        cell: ({ size, isArbiter }) => (size === null || isArbiter ? null : formatBytes(size)),
        align: 'right',
      },
      { title: 'MODIFIED', cell: ({ modifiedAt }) => modifiedAt },
      { title: 'MODE', cell: ({ mode }) => mode },
      { title: 'OWNER', cell: ({ uid, gid }) => (uid === null ? null : `${uid}:${gid}`) },
      { title: 'BLAMES', cell: blamesOf },
    ],
    copies,
  );
}

/** E.g. `1:data,metadata 2:data`. */
function blamesOf({ blames }: Copy): string {
  return blames
    .map((blame) => {
      const kinds = (['data', 'metadata', 'entry'] as const).filter((kind) => blame[kind] > 0);
      return `${blame.brickIndex}:${kinds.join(',')}`;
    })
    .join(' ');
}
