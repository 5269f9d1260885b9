/** The PersistentVolumeClaim that a PV is of. Nothing on a brick knows it; who sets a limit may say it, so that metrics and people have it. */

export interface PvClaim {
  /** A label of RFC 1123, as names of namespaces are. */
  namespace: string;
  /** A subdomain of RFC 1123, as names of claims are. */
  name: string;
}

const MAX_NAMESPACE = 63;
const MAX_CLAIM_NAME = 253;
const LABEL = /^[a-z0-9](?:[-a-z0-9]*[a-z0-9])?$/;
const SUBDOMAIN = /^[a-z0-9](?:[-a-z0-9]*[a-z0-9])?(?:\.[a-z0-9](?:[-a-z0-9]*[a-z0-9])?)*$/;

/** @returns what is wrong with it, or the claim and nothing else of the value */
export function readClaim(value: unknown): PvClaim | string {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return 'a claim has a namespace and a name';
  const { namespace, name, ...others }: Record<string, unknown> = { ...value };
  const [other] = Object.keys(others);
  if (other !== undefined) return `a claim has a namespace and a name, and no ${JSON.stringify(other)}`;
  if (typeof namespace !== 'string' || namespace.length > MAX_NAMESPACE || !LABEL.test(namespace)) {
    return `its namespace is no label of RFC 1123: at most ${MAX_NAMESPACE} of a-z, 0-9 and -, a letter or digit at both ends`;
  }
  if (typeof name !== 'string' || name.length > MAX_CLAIM_NAME || !SUBDOMAIN.test(name)) {
    return `its name is no subdomain of RFC 1123: at most ${MAX_CLAIM_NAME} of a-z, 0-9, - and ., a letter or digit at both ends of each part`;
  }
  return { namespace, name };
}

/** As it is typed: `namespace/name`. @returns what is wrong with it, or the claim */
export function parseClaim(text: string): PvClaim | string {
  const [namespace, name, ...others] = text.split('/');
  if (name === undefined || others.length > 0) return 'a claim is <namespace>/<name>';
  return readClaim({ namespace, name });
}

export function claimText({ namespace, name }: PvClaim): string {
  return `${namespace}/${name}`;
}

export function isSameClaim(a: PvClaim | undefined, b: PvClaim | undefined): boolean {
  return a?.namespace === b?.namespace && a?.name === b?.name;
}
