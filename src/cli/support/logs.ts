/** Lines of logs without what tenants have named: what is known to be harmless stays, everything else goes. */

/** `[2026-11-24 02:02:30.065513 +0000] I [MSGID: 100030] [glusterfsd.c:2683:main] 0-glusterfs: …` */
const GLUSTER_LINE =
  /^(\[\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d+ [+-]\d{4}\] [A-Z] (?:\[MSGID: \d+\] )?\[[\w./-]+:\d+:[\w.-]+\] (?:\d+-[\w.-]+:)?)(.*)$/;
/** Members of a message that cannot hold a name. */
const HARMLESS = /\{(errno|op_errno|ret|op_ret|gfid|pid|client-pid|version|port|count)=(-?[\w.-]{1,64})\}/g;

/**
 * The log of a Gluster process: time, level, number and place of the message, the translator, and numbers. The number and the
 * place say which message it was. The text, which is where file names stand, is left out.
 */
export function glusterLogWithoutNames(text: string): string {
  const lines = text.split('\n').flatMap((line) => {
    const match = GLUSTER_LINE.exec(line);
    if (match === null) return [];
    const [, head = '', rest = ''] = match;
    const kept = [...rest.matchAll(HARMLESS)].map(([, key, value]) => `{${key}=${value}}`);
    return [`${head} […]${kept.length === 0 ? '' : ` ${kept.join(' ')}`}`];
  });
  return `${lines.join('\n')}\n`;
}

/** A statedump: numbers, identities and flags; a value of another kind is left out. */
export function statedumpLineWithoutNames(line: string): string {
  if (/^\[[\w.:/-]*\]$/.test(line) && !line.includes('subvol/')) return line;
  const match = /^([\w.:[\]-]+)=(.*)$/.exec(line);
  if (match === null) return /^[\w :.+-]*$/.test(line) && line.length < 80 ? line : '[…]';
  const [, key = '', value = ''] = match;
  const isPlain = /^-?[0-9a-fA-Fx.,:-]*$/.test(value) || /^(yes|no|true|false|on|off|null|\(null\))$/i.test(value);
  return `${key}=${isPlain ? value : '[…]'}`;
}

/** Members of a line of the agent's own log that cannot hold a name but in their text. */
const AGENT_KEYS = new Set(
  'level time part msg loop code reason state kind operation backlog process outcome version node gluster generation signal opsPort apiPort deadlineMs'.split(
    ' ',
  ),
);

/** A line that is not JSON goes. */
export function agentLineWithoutNames(line: string): Record<string, unknown> | undefined {
  try {
    const parsed: unknown = JSON.parse(line);
    if (typeof parsed !== 'object' || parsed === null) return undefined;
    return Object.fromEntries(Object.entries(parsed).filter(([key]) => AGENT_KEYS.has(key)));
  } catch {
    return undefined;
  }
}
