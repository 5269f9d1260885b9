/** Every id that a volfile can be blamed with, in a few words; docs/volfiles.md says more. Ids are never given to something else. */
import type { Severity } from '../problem.ts';
import { RULES } from './lint.ts';

export interface CatalogueEntry {
  id: string;
  severity: Severity;
  title: string;
  /** Page and heading that explain it. */
  help: string;
}

const DOC = 'docs/volfiles.md';

const SECTIONS: readonly (readonly [prefix: string, anchor: string])[] = [
  ['VF00', 'the-file-itself'],
  ['VF01', 'the-graph'],
  ['VF1', 'brick'],
  ['VF2', 'self-heal-daemon'],
  ['VF3', 'options'],
];

const TITLES: Readonly<Record<string, string>> = {
  VF001: 'Syntax error',
  VF002: 'Not plain text',
  VF003: 'A backtick, which GlusterFS takes for a shell command',
  VF004: 'More than 1 MiB',
  VF005: 'A volume is defined twice',
  VF006: 'A subvolume is not defined before it is used',
  VF007: 'An empty string',
  VF008: 'Mounted with subPath',
  VF010: 'An option stands twice',
  VF011: 'A volume is not below the last one',
  VF012: 'A volume has two parents',
  VF013: 'A volume names a subvolume twice',
  VF014: 'A type is not of the form category/name',
  VF015: 'A type is not installed',
  VF016: 'The file is not for this process',
  VF101: 'No auth-path: a reload kills the brick',
  VF102: 'auth-path is not the subvolume of protocol/server',
  VF103: 'No rule lets anybody in',
  VF104: 'The brick has another name',
  VF105: 'The brick has another port',
  VF106: 'Clients with high source ports are refused',
  VF107: 'Open to whoever reaches the port',
  VF108: 'Hands out volfiles',
  VF120: "The directory is not this brick's",
  VF121: "The volume-id is not this brick's",
  VF122: 'No volume-id',
  VF123: 'No health check',
  VF124: 'No reserve',
  VF125: 'No gfid2path',
  VF126: 'A path that is not on this brick',
  VF127: 'Read-only',
  VF128: 'A path that the translator needs is missing',
  VF130: 'No features/index',
  VF131: 'features/index without a watchlist',
  VF132: 'index-base missing or elsewhere',
  VF133: 'No features/locks',
  VF134: 'No performance/io-threads',
  VF135: 'Clients blame bricks under names that are not watched',
  VF140: 'No features/simple-quota',
  VF141: 'simple-quota is passed through',
  VF142: 'The df of any client writes usage',
  VF150: 'Counters are off',
  VF201: 'iam-self-heal-daemon is not on',
  VF202: 'A kind of heal is not on',
  VF203: 'self-heal-daemon is off',
  VF204: 'Too few replicas, or a redundancy that cannot be',
  VF205: 'afr-pending-xattr does not name every replica',
  VF206: 'cluster/distribute in a self-heal daemon',
  VF207: 'A client without host or brick',
  VF208: 'A client without port',
  VF209: 'Two clients are the same brick',
  VF210: 'A client asks another port than its brick listens on',
  VF211: 'The brick beside the process is not among the clients',
  VF212: 'Blames bricks under names that they do not note',
  VF213: 'Two clients ask one port for different bricks',
  VF214: 'afr-pending-xattr names more than there are replicas',
  VF215: 'Two clients number the bricks of a set differently',
  VF301: "A value is not of its option's kind",
  VF302: 'A value is out of bounds',
  VF303: 'The translator has no such option',
};

/** The parser finds only errors; a subPath mount is the one thing below the file that is seen by who reads it. */
const NOT_LINTED: ReadonlyMap<string, Severity> = new Map([['VF008', 'warning']]);

/** In order of ids. */
export function catalogue(): CatalogueEntry[] {
  const severities = new Map(RULES.map(({ id, severity }) => [id, severity]));
  return Object.entries(TITLES).map(([id, title]) => {
    const severity = severities.get(id) ?? NOT_LINTED.get(id) ?? 'error';
    const anchor = SECTIONS.find(([prefix]) => id.startsWith(prefix))?.[1] ?? 'lint';
    return { id, severity, title, help: `${DOC}#${anchor}` };
  });
}
