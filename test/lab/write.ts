/** Writing until the volume refuses. */
import { open } from 'node:fs/promises';

export interface WriteResult {
  /** Bytes that were accepted. */
  written: number;
  /** `EDQUOT`, `ENOSPC`...; undefined when everything was accepted. */
  errno: string | undefined;
}

/** Node has no name for it: its error codes come from libuv, which leaves this one out. */
const EDQUOT = -122;

/** Replaces the file's content with zeros, chunk by chunk, until `maxBytes` or the first error. */
export async function writeUntilError(path: string, chunkBytes: number, maxBytes: number): Promise<WriteResult> {
  const chunk = Buffer.alloc(chunkBytes);
  let written = 0;
  try {
    const file = await open(path, 'w');
    try {
      while (written < maxBytes) {
        written += (await file.write(chunk, 0, Math.min(chunkBytes, maxBytes - written))).bytesWritten;
      }
    } finally {
      await file.close();
    }
  } catch (error) {
    return { written, errno: errnoName(error) };
  }
  return { written, errno: undefined };
}

function errnoName(error: unknown): string {
  if (!(error instanceof Error) || !('errno' in error) || !('code' in error)) throw error;
  return error.errno === EDQUOT ? 'EDQUOT' : String(error.code);
}
