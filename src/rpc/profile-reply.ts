/** What io-stats of a brick answers to XLATOR_INFO: byte totals always, calls and latencies when the volfile switches them on. */
import { dictBigInt, dictText, type Dict } from './dict.ts';

export interface FopProfile {
  /** Counted only with `count-fop-hits` and `latency-measurement` on; releases and forgets always. */
  hits: bigint;
  /** Nanoseconds; undefined without those options. */
  averageNs: number | undefined;
  minNs: number | undefined;
  maxNs: number | undefined;
}

export interface BrickProfile {
  /** Seconds since the window began. */
  seconds: bigint | undefined;
  bytesRead: bigint | undefined;
  bytesWritten: bigint | undefined;
  /** How many reads were of 2^n bytes and more, but less than 2^(n+1), by n; those that never came are left out. */
  reads: Map<number, bigint>;
  writes: Map<number, bigint>;
  /** By name in capitals, e.g. `LOOKUP`. */
  fops: Map<string, FopProfile>;
}

/** Sizes are told apart by their highest bit; 11.1 keeps 32 counts and prints the key of the last one as a negative number. */
const SIZE_BITS = 32;

/** Gluster's internal numbers: those of the wire up to 40, its own above. */
const FOP_NAMES = (
  'NULL STAT READLINK MKNOD MKDIR UNLINK RMDIR SYMLINK RENAME LINK TRUNCATE OPEN READ WRITE STATFS FLUSH FSYNC SETXATTR ' +
  'GETXATTR REMOVEXATTR OPENDIR FSYNCDIR ACCESS CREATE FTRUNCATE FSTAT LK LOOKUP READDIR INODELK FINODELK ENTRYLK FENTRYLK ' +
  'XATTROP FXATTROP FGETXATTR FSETXATTR RCHECKSUM SETATTR FSETATTR READDIRP FORGET RELEASE RELEASEDIR GETSPEC FREMOVEXATTR ' +
  'FALLOCATE DISCARD ZEROFILL IPC SEEK LEASE COMPOUND GETACTIVELK SETACTIVELK PUT ICREATE NAMELINK COPY_FILE_RANGE'
).split(' ');

/** @param window -1 for the totals since the brick's start, else the number of the interval */
export function readProfile(output: Dict, window: bigint): BrickProfile {
  const fops = new Map<string, FopProfile>();
  for (const [number, name] of FOP_NAMES.entries()) {
    const prefix = `${window}-${number}`;
    const hits = dictBigInt(output, `${prefix}-hits`);
    if (hits === undefined) continue;
    fops.set(name, {
      hits,
      averageNs: dictDouble(output, `${prefix}-avglatency`),
      minNs: dictDouble(output, `${prefix}-minlatency`),
      maxNs: dictDouble(output, `${prefix}-maxlatency`),
    });
  }
  return {
    seconds: dictBigInt(output, `${window}-duration`),
    bytesRead: dictBigInt(output, `${window}-total-read`),
    bytesWritten: dictBigInt(output, `${window}-total-write`),
    reads: readSizes(output, `${window}-read`),
    writes: readSizes(output, `${window}-write`),
    fops,
  };
}

function readSizes(output: Dict, prefix: string): Map<number, bigint> {
  const sizes = new Map<number, bigint>();
  for (let bit = 0; bit < SIZE_BITS; bit += 1) {
    const count = dictBigInt(output, `${prefix}-${1 << bit}`);
    if (count !== undefined) sizes.set(bit, count);
  }
  return sizes;
}

function dictDouble(output: Dict, key: string): number | undefined {
  const text = dictText(output, key);
  return text !== undefined && /^\d{1,20}(\.\d{1,9})?$/.test(text) ? Number(text) : undefined;
}
