import { systemClock } from '../../lib/clock.ts';
import type { Log } from '../../lib/log.ts';
import type { Config } from '../config/load.ts';
import { TlsKeeper } from './keeper.ts';

/** @returns undefined where TLS is off. @throws AgentError `ConfigInvalid` */
export async function loadTls(config: Config, log: Log): Promise<TlsKeeper | undefined> {
  const { apiTlsCertFile, apiTlsKeyFile, apiTlsClientCaFile, peerCaFile } = config;
  if (apiTlsCertFile === undefined || apiTlsKeyFile === undefined) return undefined;
  const files = { apiTlsCertFile, apiTlsKeyFile, apiTlsClientCaFile, peerCaFile };
  return await TlsKeeper.load({ files, clock: systemClock, log });
}
