/** Answers of STATUS and NODE_STATUS: flat keys, taken apart. Nothing is allocated on the word of a count that a peer sent. */
import { dictBigInt, dictNumber, dictText, type Dict } from './dict.ts';

export const STATUS_COMMANDS = { memory: 0x01, clients: 0x02, inodes: 0x04, calls: 0x10 } as const;

/** A connection that has completed SETVOLUME. */
export interface StatusClient {
  /** `address:port`. */
  address: string;
  /** What it called itself; any text. */
  name: string;
  opVersion: number | undefined;
  /** From the brick's side of the socket. */
  bytesRead: bigint;
  bytesWritten: bigint;
}

export interface StatusMemory {
  /** Fields of mallinfo(3) in bytes or pieces: `arena`, `uordblks`, ... */
  mallinfo: ReadonlyMap<string, bigint>;
  /** Only pools in use. */
  pools: { name: string; active: number; objectBytes: number }[];
}

export interface StatusInodes {
  tables: { active: number; lru: number; purge: number; lruLimit: number }[];
}

/** Calls under way in the process; the question itself is one of them. */
export interface StatusCalls {
  count: number;
  stacks: { op: string; pid: number; uid: number; gid: number; unique: bigint }[];
}

export function readClients(output: Dict): StatusClient[] {
  const clients: StatusClient[] = [];
  for (let address = clientAddress(output, 0); address !== undefined; address = clientAddress(output, clients.length)) {
    const prefix = `client${clients.length}`;
    clients.push({
      address,
      name: dictText(output, `${prefix}.name`) ?? '',
      opVersion: dictNumber(output, `${prefix}.opversion`),
      bytesRead: dictBigInt(output, `${prefix}.bytesread`) ?? 0n,
      bytesWritten: dictBigInt(output, `${prefix}.byteswrite`) ?? 0n,
    });
  }
  return clients;
}

export function readMemory(output: Dict): StatusMemory {
  const mallinfo = new Map<string, bigint>();
  for (const key of output.keys()) {
    const value = key.startsWith('mallinfo.') ? dictBigInt(output, key) : undefined;
    if (value !== undefined) mallinfo.set(key.slice('mallinfo.'.length), value);
  }
  const pools: StatusMemory['pools'] = [];
  for (const n of indices(output, /^pool(\d{1,9})\.name$/)) {
    pools.push({
      name: dictText(output, `pool${n}.name`) ?? '',
      active: dictNumber(output, `pool${n}.active-count`) ?? 0,
      objectBytes: dictNumber(output, `pool${n}.padded-sizeof`) ?? 0,
    });
  }
  return { mallinfo, pools };
}

export function readInodes(output: Dict): StatusInodes {
  // `conncount` is the size of the client table and no number of tables.
  const tables = indices(output, /^conn(\d{1,9})\.itable\.active_size$/).map((n) => ({
    active: dictNumber(output, `conn${n}.itable.active_size`) ?? 0,
    lru: dictNumber(output, `conn${n}.itable.lru_size`) ?? 0,
    purge: dictNumber(output, `conn${n}.itable.purge_size`) ?? 0,
    lruLimit: dictNumber(output, `conn${n}.itable.lru_limit`) ?? 0,
  }));
  return { tables };
}

export function readCalls(output: Dict): StatusCalls {
  const stacks = indices(output, /^callpool\.stack(\d{1,9})\.unique$/).map((n) => ({
    op: dictText(output, `callpool.stack${n}.op`) ?? '',
    pid: dictNumber(output, `callpool.stack${n}.pid`) ?? 0,
    uid: dictNumber(output, `callpool.stack${n}.uid`) ?? 0,
    gid: dictNumber(output, `callpool.stack${n}.gid`) ?? 0,
    unique: dictBigInt(output, `callpool.stack${n}.unique`) ?? 0n,
  }));
  return { count: dictNumber(output, 'callpool.count') ?? stacks.length, stacks };
}

function clientAddress(output: Dict, n: number): string | undefined {
  return dictText(output, `client${n}.hostname`);
}

/** The numbers n for which a key of this form is there, ascending. */
function indices(output: Dict, form: RegExp): number[] {
  const found: number[] = [];
  for (const key of output.keys()) {
    const match = form.exec(key);
    if (match !== null) found.push(Number(match[1]));
  }
  return found.toSorted((a, b) => a - b);
}
