/** The example manifest, parsed, with the parts that the tests ask for. */
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import type { StatefulSet } from 'kubernetes-types/apps/v1.d.ts';
import type { ConfigMap, Container, PodSpec } from 'kubernetes-types/core/v1.d.ts';
import { parseAllDocuments } from 'yaml';

export const PROJECT = resolve(import.meta.dirname, '../../..');
const MANIFEST = resolve(PROJECT, 'deploy/replica-3.yaml');

export interface KubernetesObject {
  apiVersion: string;
  kind: string;
}

export function readManifest(): KubernetesObject[] {
  return parseAllDocuments(readFileSync(MANIFEST, 'utf8'), { strict: true, uniqueKeys: true }).map((document) => {
    const [error] = document.errors;
    if (error !== undefined) throw error;
    const value: unknown = document.toJS();
    if (!isObject(value)) throw new Error(`not a Kubernetes object: ${JSON.stringify(value)}`);
    return value;
  });
}

export function podSpec(): PodSpec {
  const spec = readManifest().find(isStatefulSet)?.spec?.template.spec;
  if (spec === undefined) throw new Error('the StatefulSet has no pod spec');
  return spec;
}

export function container(name: string): Container {
  const { containers, initContainers = [] } = podSpec();
  const found = [...initContainers, ...containers].find((candidate) => candidate.name === name);
  if (found === undefined) throw new Error(`no container ${name}`);
  return found;
}

export function volfiles(): Record<string, string> {
  return readManifest().find(isConfigMap)?.data ?? {};
}

/** The value behind a flag of a container's command line. */
export function argument({ command = [] }: Container, flag: string): string | undefined {
  const index = command.indexOf(flag);
  return index === -1 ? undefined : command[index + 1];
}

// That the objects have the shape of their kind is what the type check in the test is about.

function isStatefulSet(object: KubernetesObject): object is KubernetesObject & StatefulSet {
  return object.kind === 'StatefulSet';
}

function isConfigMap(object: KubernetesObject): object is KubernetesObject & ConfigMap {
  return object.kind === 'ConfigMap';
}

function isObject(value: unknown): value is KubernetesObject {
  return typeof value === 'object' && value !== null && 'apiVersion' in value && 'kind' in value;
}
