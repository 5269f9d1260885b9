/** Why a peer could not be asked, in words that say what to do. */
import { AgentError, errorMessage } from '../../lib/errors.ts';

/** OpenSSL's verdicts on a chain that ends in nobody whom we trust. */
const UNTRUSTED = new Set([
  'DEPTH_ZERO_SELF_SIGNED_CERT',
  'SELF_SIGNED_CERT_IN_CHAIN',
  'UNABLE_TO_GET_ISSUER_CERT',
  'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
]);

/** What a peer sends that asks for certificates, in OpenSSL's words or its codes. */
const REFUSES_US = /alert .*(certificate|unknown ca|access denied|handshake failure)/i;

const REFUSED = 'it refuses our certificate: is our authority in its apiTlsClientCaFile?';

/** @param isTls how it was asked. @returns the error as it was where TLS has nothing to do with it */
export function peerTrouble(cause: Error, isTls: boolean): Error {
  const code = 'code' in cause && typeof cause.code === 'string' ? cause.code : '';
  const why = isTls ? tlsReason(code, cause) : plainReason(code);
  return why === undefined ? cause : new AgentError('RpcRejected', `${why} (${code})`, { cause });
}

function tlsReason(code: string, cause: Error): string | undefined {
  if (UNTRUSTED.has(code)) return 'nobody in peerCaFile vouches for its certificate';
  if (code === 'CERT_HAS_EXPIRED') return 'its certificate, or its authority, has expired';
  if (code === 'CERT_NOT_YET_VALID') return 'its certificate is not valid yet; are the clocks right?';
  if (code === 'ERR_TLS_CERT_ALTNAME_INVALID') return `its certificate is for other names: ${errorMessage(cause)}`;
  if (REFUSES_US.test(`${code} ${errorMessage(cause)}`.replaceAll('_', ' '))) return REFUSED;
  // Where the certificate is read but not trusted, Node's server hangs up without a word.
  if (code === 'ECONNRESET') return `it hangs up; maybe ${REFUSED}`;
  if (/^(EPROTO|ERR_SSL_)/.test(code)) return 'it does not speak TLS as we do; is apiTlsCertFile set there?';
  return undefined;
}

/** A listener that waits for TLS hangs up on anything else. */
function plainReason(code: string): string | undefined {
  return code === 'ECONNRESET' ? 'it hangs up; is apiTlsCertFile set there, and not here?' : undefined;
}
