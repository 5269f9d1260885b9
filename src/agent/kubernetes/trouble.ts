/** Why an event could not be written, and what to do about it. Pure. */
import type { ApiResult } from './api-client.ts';
import type { PodIdentity } from './event-body.ts';

export interface EventTrouble {
  /** Wall-clock milliseconds. */
  at: number;
  /** One CamelCase word. */
  reason: 'NoCredentials' | 'NoAnswer' | 'Unauthorized' | 'Forbidden' | 'NotFound' | 'Refused' | 'Busy' | 'ServerError';
  message: string;
  remedy: string;
  /** It may go by itself, so the event is tried again. */
  passes: boolean;
  retryAfterMs: number | undefined;
}

type Kind = Pick<EventTrouble, 'reason' | 'remedy' | 'passes'>;

export function troubleOf(result: ApiResult, pod: PodIdentity, at: number): EventTrouble {
  if (result.kind !== 'Answered') {
    return { at, message: result.message, retryAfterMs: undefined, passes: true, ...unanswered(result.kind) };
  }
  const { status, message, retryAfterMs } = result;
  const said = message === '' ? '' : `: ${message}`;
  return { at, message: `the API server answers ${status}${said}`, retryAfterMs, ...kindOf(status, pod) };
}

function unanswered(kind: 'NoCredentials' | 'NoAnswer'): Pick<EventTrouble, 'reason' | 'remedy'> {
  return kind === 'NoCredentials'
    ? {
        reason: kind,
        remedy:
          'mount token and ca.crt of the service account into this container, as the volume api-access of deploy/replica-3.yaml does, at serviceAccountDir',
      }
    : {
        reason: kind,
        remedy:
          'may this pod reach the API server (a NetworkPolicy?), is it at kubernetesHost and kubernetesPort, and is ca.crt the authority of its certificate?',
      };
}

function kindOf(status: number, { namespace }: PodIdentity): Kind {
  switch (status) {
    case 401:
      return {
        reason: 'Unauthorized',
        remedy:
          'the token is not, or no longer, one of a service account of this cluster: is it mounted as a projected volume, which is renewed?',
        passes: true,
      };
    case 403:
      return {
        reason: 'Forbidden',
        remedy: `the pod's service account needs a Role in namespace ${namespace} with apiGroups [events.k8s.io], resources [events], verbs [create, patch], and a RoleBinding to it: deploy/replica-3.yaml has both`,
        passes: false,
      };
    case 404:
      return {
        reason: 'NotFound',
        remedy: `is there a namespace ${namespace}, and does the cluster serve events.k8s.io/v1 (Kubernetes 1.19 and later)?`,
        passes: false,
      };
    case 429:
      return { reason: 'Busy', remedy: 'the API server asks for patience: nothing to do', passes: true };
    default:
      return status >= 500
        ? { reason: 'ServerError', remedy: 'look at the API server', passes: true }
        : { reason: 'Refused', remedy: 'the event is not what this cluster accepts: please report it', passes: false };
  }
}
