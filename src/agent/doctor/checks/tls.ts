/** TLS: certificates that end, and new ones that were not taken. */
import { formatDuration } from '../../../lib/units.ts';
import type { TlsUse } from '../../tls/material.ts';
import type { DoctorCheck, Judgement } from '../finding.ts';

const DAY_MS = 86_400_000;
/** As the first alert has it. */
const SOON_MS = 14 * DAY_MS;

const KEY: Record<TlsUse, string> = {
  api: 'apiTlsCertFile',
  'client-ca': 'apiTlsClientCaFile',
  'peer-ca': 'peerCaFile',
};
const REMEDY: Record<TlsUse, string> = {
  api: 'renew it in its Secret: it is taken without a restart; with cert-manager, kubectl describe certificate tells why it did not',
  'client-ca': 'put the new authority beside the old one, then renew the certificates of the clients',
  'peer-ca': 'put the new authority beside the old one, then renew the certificates of the agents',
};

export const TLS_CHECKS: readonly DoctorCheck[] = [
  {
    name: 'tls',
    title: 'Are the TLS certificates valid, and in force as they stand?',
    judge: ({ tls, now }) => {
      if (tls === undefined) return 'they were not read';
      if (tls === 'Off') return [];
      const ends = [...tls.notAfter].flatMap(([use, at]) => endOf(use, at, now));
      if (tls.refusal === undefined) return ends;
      const refused: Judgement = {
        severity: 'warning',
        reason: 'TlsFilesRefused',
        message: 'new TLS files are refused, and those before them are still in force',
        evidence: [tls.refusal],
        remedy: 'correct what is named; certificate and key must be of one issue',
      };
      return [...ends, refused];
    },
  },
];

function endOf(use: TlsUse, at: number, now: number): Judgement[] {
  const left = at - now;
  if (left > SOON_MS) return [];
  const evidence = [`notAfter is ${new Date(at).toISOString()}`];
  const remedy = REMEDY[use];
  if (left <= 0) {
    const message = `the certificate of ${KEY[use]} has expired: agents and clients refuse each other`;
    return [{ severity: 'error', reason: 'CertificateExpired', message, evidence, remedy }];
  }
  const message = `the certificate of ${KEY[use]} expires in ${formatDuration(left)}`;
  return [{ severity: 'warning', reason: 'CertificateExpiring', message, evidence, remedy }];
}
