/** Writes a graph as a volfile: parsed again it is the same graph. */
import { keywordOf } from './lexer.ts';
import type { Graph, Volume } from './model.ts';

/** Only what stands in the graph: no comments, no overridden entries. */
export function printGraph(graph: Graph): string {
  return graph.volumes.map((volume) => printVolume(volume)).join('\n');
}

function printVolume(volume: Volume): string {
  const lines = [`volume ${word(volume.name)}`, `    type ${word(volume.type)}`];
  for (const { key, value } of volume.options.values()) lines.push(`    option ${word(key)} ${word(value)}`);
  if (volume.subvolumes.length > 0)
    lines.push(`    subvolumes ${volume.subvolumes.map((name) => word(name)).join(' ')}`);
  lines.push('end-volume', '');
  return lines.join('\n');
}

/** Bare where the lexer reads it back as one word, else quoted. */
function word(text: string): string {
  const bare = /^[^#\s"\\][^\s"\\]*$/u.test(text) && keywordOf(text) === undefined;
  return bare ? text : `"${text.replaceAll(/["\\]/g, String.raw`\$&`)}"`;
}
