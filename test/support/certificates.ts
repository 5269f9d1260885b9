/** Certificates for one test, made by openssl in a directory of the test's own; keys are never kept. */
import { spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** On a developer's machine without it, tests are skipped; a pipeline must have it. */
export const skipsOpenssl = spawnSync('openssl', ['version']).error !== undefined && process.env['CI'] !== 'true';

if (skipsOpenssl) console.warn('!!!!!!!! openssl is missing: TLS is not tested !!!!!!!!');

export interface Pair {
  /** PEM. */
  cert: string;
  key: string;
}

export interface IssueOptions {
  /** Default: valid for 127.0.0.1 and localhost. */
  names?: string;
  /** Days from now; negative: expired. Default 30. */
  days?: number;
}

const CURVE = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'];

export class Authority {
  readonly cert: string;
  readonly #dir: string;
  readonly #name: string;
  #issued = 0;

  /** @param dir of the test; everything is removed with it */
  constructor(dir: string, name: string) {
    this.#dir = dir;
    this.#name = name;
    const files = ['-keyout', `${name}.key`, '-out', `${name}.pem`];
    openssl(dir, ['req', '-x509', ...CURVE, ...files, '-subj', `/CN=${name}`, '-days', '60']);
    this.cert = readFileSync(join(dir, `${name}.pem`), 'utf8');
  }

  issue({ names = 'IP:127.0.0.1,DNS:localhost', days = 30 }: IssueOptions = {}): Pair {
    this.#issued += 1;
    const name = `${this.#name}-${this.#issued}`;
    const extensions = ['-addext', `subjectAltName=${names}`, '-addext', 'basicConstraints=critical,CA:FALSE'];
    const request = ['-keyout', `${name}.key`, '-out', `${name}.csr`, '-subj', `/CN=${name}`];
    openssl(this.#dir, ['req', '-new', ...CURVE, ...request, ...extensions]);
    const authority = ['-CA', `${this.#name}.pem`, '-CAkey', `${this.#name}.key`];
    const files = ['-in', `${name}.csr`, '-out', `${name}.pem`];
    openssl(this.#dir, ['x509', '-req', ...files, ...authority, '-days', String(days), '-copy_extensions', 'copy']);
    return {
      cert: readFileSync(join(this.#dir, `${name}.pem`), 'utf8'),
      key: readFileSync(join(this.#dir, `${name}.key`), 'utf8'),
    };
  }
}

/** A Secret as the kubelet mounts it: names that lead through `..data`, which is exchanged in one step. */
export class MountedSecret {
  readonly dir: string;
  #version = 0;

  constructor(dir: string, files: Record<string, string>) {
    this.dir = dir;
    mkdirSync(dir, { recursive: true });
    this.swap(files);
    for (const name of Object.keys(files)) symlinkSync(join('..data', name), join(dir, name));
  }

  path(name: string): string {
    return join(this.dir, name);
  }

  swap(files: Record<string, string>): void {
    const before = `..version-${this.#version}`;
    this.#version += 1;
    const data = `..version-${this.#version}`;
    mkdirSync(join(this.dir, data));
    for (const [name, text] of Object.entries(files)) writeFileSync(join(this.dir, data, name), text);
    symlinkSync(data, join(this.dir, '..data_tmp'));
    renameSync(join(this.dir, '..data_tmp'), join(this.dir, '..data'));
    rmSync(join(this.dir, before), { recursive: true, force: true });
  }
}

function openssl(cwd: string, args: string[]): void {
  const { status, stderr, error } = spawnSync('openssl', args, { cwd, encoding: 'utf8' });
  if (error !== undefined || status !== 0) throw new Error(`openssl ${args.join(' ')}: ${stderr}`, { cause: error });
}
