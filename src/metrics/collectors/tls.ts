import type { Collector } from '../registry.ts';

/** Times in wall-clock milliseconds. */
export interface TlsView {
  notAfter: ReadonlyMap<string, number>;
  refusal: string | undefined;
  handshakeErrors: number;
}

/** TLS of the API and towards the peers. @param status undefined: TLS is off */
export function tlsCollector(status: () => TlsView | undefined): Collector {
  return {
    name: 'tls',
    collect(emit) {
      const view = status();
      if (view === undefined) return;
      for (const [use, at] of view.notAfter) {
        emit('brick_agent_tls_certificate_not_after_timestamp_seconds', { use }, at / 1000);
      }
      emit('brick_agent_tls_last_reload_successful', {}, view.refusal === undefined ? 1 : 0);
      emit('brick_agent_tls_handshake_errors_total', {}, view.handshakeErrors);
    },
  };
}
