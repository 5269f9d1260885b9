/** Certificates, key and authorities as they stand in files: read, judged, never logged. */
import { createPrivateKey, X509Certificate, type KeyObject } from 'node:crypto';
import type { SecureContext, SecureContextOptions } from 'node:tls';
import { AgentError, errorMessage } from '../../lib/errors.ts';

export type TlsUse = 'api' | 'client-ca' | 'peer-ca';

/** By key of the configuration: paths, or what stands there. An authority that is not configured is undefined. */
export interface TlsFiles {
  apiTlsCertFile: string;
  apiTlsKeyFile: string;
  apiTlsClientCaFile?: string | undefined;
  peerCaFile?: string | undefined;
}

/** One that has been judged good. */
export interface TlsMaterial {
  texts: TlsFiles;
  /** When each stops to be valid, in wall-clock milliseconds. */
  notAfter: ReadonlyMap<TlsUse, number>;
  server: SecureContextOptions;
  /** For questions to the peers; undefined without peerCaFile. */
  client: SecureContext | undefined;
}

const PEM_CERTIFICATE = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g;
/** Older versions are broken, and every client of today speaks this one. */
const MIN_VERSION = 'TLSv1.2';

/**
 * Proves that certificate and key are a pair, that every certificate can be read, and that OpenSSL takes all of it. Whether they
 * are still valid is the caller's business.
 *
 * @throws AgentError `ConfigInvalid` that names key and file
 */
export function judgeTls(files: TlsFiles, texts: TlsFiles): TlsMaterial {
  const { apiTlsCertFile: cert, apiTlsKeyFile: key, apiTlsClientCaFile: clientCa, peerCaFile: peerCa } = texts;
  const [leaf, ...chain] = certificatesOf(`apiTlsCertFile ${files.apiTlsCertFile}`, cert);
  const keyName = `apiTlsKeyFile ${files.apiTlsKeyFile}`;
  if (!leaf.checkPrivateKey(privateKeyOf(keyName, key))) {
    throw invalid(
      `${keyName}: is not the key of the first certificate in ${files.apiTlsCertFile}; are both of one issue?`,
    );
  }
  const notAfter = new Map<TlsUse, number>([['api', Math.min(...[leaf, ...chain].map(endOf))]]);
  if (clientCa !== undefined) {
    notAfter.set('client-ca', endOfAuthorities(`apiTlsClientCaFile ${files.apiTlsClientCaFile}`, clientCa));
  }
  if (peerCa !== undefined) notAfter.set('peer-ca', endOfAuthorities(`peerCaFile ${files.peerCaFile}`, peerCa));
  const own: SecureContextOptions = { cert, key, minVersion: MIN_VERSION };
  const server = { ...own, ...(clientCa === undefined ? {} : { ca: clientCa }) };
  // Loaded here: with HTTPS it is 4 MB, which an agent without TLS does not have.
  const { createSecureContext } = process.getBuiltinModule('node:tls');
  try {
    createSecureContext(server);
    const client = peerCa === undefined ? undefined : createSecureContext({ ...own, ca: peerCa });
    return { texts, notAfter, server, client };
  } catch (cause) {
    throw invalid(
      `apiTlsCertFile ${files.apiTlsCertFile} and its key: OpenSSL refuses them (${errorMessage(cause)})`,
      cause,
    );
  }
}

function certificatesOf(name: string, text: string): [X509Certificate, ...X509Certificate[]] {
  const blocks = text.match(PEM_CERTIFICATE) ?? [];
  const [first, ...rest] = blocks.map((block, index) => {
    try {
      return new X509Certificate(block);
    } catch (cause) {
      throw invalid(`${name}: certificate ${index + 1} of ${blocks.length} cannot be read`, cause);
    }
  });
  if (first === undefined) throw invalid(`${name}: holds no certificate in PEM form (-----BEGIN CERTIFICATE-----)`);
  return [first, ...rest];
}

function privateKeyOf(name: string, text: string): KeyObject {
  if (/ENCRYPTED/.test(text)) throw invalid(`${name}: the key has a passphrase; give one without`);
  try {
    return createPrivateKey(text);
  } catch (cause) {
    throw invalid(`${name}: holds no private key in PEM form (-----BEGIN PRIVATE KEY-----)`, cause);
  }
}

/** While authorities change, a file has the old and the new one: its end is that of the last. */
function endOfAuthorities(name: string, text: string): number {
  return Math.max(...certificatesOf(name, text).map(endOf));
}

function endOf(certificate: X509Certificate): number {
  return certificate.validToDate.getTime();
}

function invalid(message: string, cause?: unknown): AgentError {
  return new AgentError('ConfigInvalid', message, { cause });
}
