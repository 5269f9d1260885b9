import { styleText } from 'node:util';
import { Check } from 'typebox/value';
import { exitOf } from '../../agent/doctor/finding.ts';
import { doctorSchema, type DoctorView } from '../../agent/http/doctor-schema.ts';
import { AgentError, errorMessage, isAgentError } from '../../lib/errors.ts';
import type { AgentClient } from '../client.ts';
import { printJson, type Output } from '../output.ts';
import type { ExitCode } from '../program.ts';
import { printable } from '../table.ts';

type Finding = DoctorView['findings'][number];

/** Lines of evidence for each finding; all are in the JSON. */
const MAX_EVIDENCE = 8;

/**
 * What is wrong, the likely cause first; the exit code is that of the worst finding. A diagnosis that fails is none: it exits as an
 * error does, since 1 would call it a mere warning.
 *
 * @param offline looks without the agent, which does not answer for the reason given
 */
export async function doctorCommand(
  client: AgentClient,
  output: Output,
  json: boolean,
  offline: (down: string) => Promise<DoctorView>,
): Promise<ExitCode> {
  let view: DoctorView;
  try {
    view = await ask(client, offline);
  } catch (error) {
    if (!(error instanceof AgentError) || isAgentError(error, 'ConfigInvalid')) throw error;
    output.error(`brick-agent: ${errorMessage(error)}`);
    return exitOf([{ severity: 'error' }]);
  }
  if (json) printJson(output, view);
  else print(output, view);
  return exitOf(view.findings);
}

async function ask(client: AgentClient, offline: (down: string) => Promise<DoctorView>): Promise<DoctorView> {
  let view: unknown;
  try {
    view = await client.get('/v1/doctor');
  } catch (error) {
    // An agent that refuses is there, and what it says counts.
    if (!isAgentError(error, 'RpcDisconnected', 'Timeout')) throw error;
    return await offline(errorMessage(error));
  }
  if (!Check(doctorSchema, view))
    throw new AgentError('RpcProtocol', 'the agent answered something else than findings');
  return view;
}

function print(output: Output, { source, findings, checks }: DoctorView): void {
  if (source === 'Offline') output.line('No agent answers: this was looked at without it.\n');
  const causes = findings.filter(({ severity, followsFrom }) => severity !== 'info' && followsFrom.length === 0);
  const consequences = findings.filter(({ severity, followsFrom }) => severity !== 'info' && followsFrom.length > 0);
  const notes = findings.filter(({ severity }) => severity === 'info');
  for (const [index, finding] of causes.entries()) printFinding(output, finding, `${index + 1}. `);
  printGroup(output, 'What follows from that:', consequences);
  printGroup(output, 'Good to know:', notes);
  const open = checks.filter(({ result }) => result === 'NotChecked');
  if (open.length > 0) {
    output.line('Not checked:');
    for (const { name, why } of open) output.line(`   ${name}: ${printable(why ?? 'no reason given')}`);
    output.line('');
  }
  const fine = checks.filter(({ result }) => result === 'Ok').length;
  const verdict = causes.length === 0 ? 'nothing that needs you' : `${causes.length} to see to`;
  output.line(`${fine} of ${checks.length} checks are fine, ${open.length} could not be made: ${verdict}.`);
}

function printGroup(output: Output, title: string, findings: readonly Finding[]): void {
  if (findings.length === 0) return;
  output.line(title);
  for (const { severity, check, reason, message } of findings) {
    output.line(`   ${word(severity)} ${printable(message)} (${check}, ${printable(reason)})`);
  }
  output.line('');
}

function printFinding(output: Output, finding: Finding, number: string): void {
  const { severity, check, reason, message, evidence, remedy } = finding;
  output.line(`${number}${word(severity)} ${printable(message)} (${check}, ${printable(reason)})`);
  for (const line of evidence.slice(0, MAX_EVIDENCE)) output.line(`   seen: ${printable(line)}`);
  if (evidence.length > MAX_EVIDENCE) output.line(`   and ${evidence.length - MAX_EVIDENCE} more: -o json`);
  if (remedy !== null) output.line(`   do:   ${printable(remedy)}`);
  output.line('');
}

function word(severity: Finding['severity']): string {
  const colour = { error: 'red', warning: 'yellow', info: 'blue' } as const;
  return styleText(colour[severity], severity);
}
