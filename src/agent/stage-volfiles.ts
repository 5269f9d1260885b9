/** Stages volfiles before the processes start, so that a broken ConfigMap never keeps a pod from coming up with its last good one. */
import { errorMessage } from '../lib/errors.ts';
import type { ExpectedFacts, LintRole } from '../volfile/lint/rule.ts';
import { NeighbourFiles, withNeighbours } from '../volfile/neighbours.ts';
import type { Problem } from '../volfile/problem.ts';
import { readVolfileSet } from '../volfile/read-set.ts';
import { isHandingOut } from '../volfile/served.ts';
import { VolfileStage, type Staging } from '../volfile/stage.ts';
import { FileJudge, type Wanted } from '../volfile/wanted.ts';
import type { Config } from './config/load.ts';
import { brickExpectations, clientExpectations } from './volfile-duty.ts';

export interface StagedVolfile {
  file: string;
  staging: Staging;
  /** Why the wanted file is not the staged one; empty when it is. */
  message: string;
  problems: readonly Problem[];
}

/** Empty without staged mode. Never throws for what is wrong with files and directories. */
export async function stageVolfiles(config: Config): Promise<StagedVolfile[]> {
  const { volfileDir, volfileStaging, brickVolfile, shdVolfile, clientVolfile, shdExpected } = config;
  if (volfileDir === undefined || volfileStaging === undefined) return [];
  const stage = new VolfileStage(volfileStaging);
  const set = await readVolfileSet(volfileDir);
  // Nothing runs yet that could show its version and its translators.
  const neighbours = new NeighbourFiles([brickVolfile, shdVolfile, clientVolfile]).lookIn(set);
  const judge = (file: string, role: LintRole, known: ExpectedFacts): Wanted => {
    const expected = withNeighbours(known, role, file, neighbours);
    return new FileJudge(file).judge(set, { role, expected, gluster: undefined, xlators: undefined });
  };
  const put = async (file: string, wanted: Wanted): Promise<StagedVolfile> => {
    const problems = wanted.readable ? wanted.problems : [];
    try {
      const staging = await stage.offer(file, set.files.get(file), wanted);
      const accepted = staging === 'staged' || staging === 'same';
      const why = wanted.readable ? 'the file has errors' : wanted.message;
      return { file, staging, message: accepted ? '' : why, problems };
    } catch (error) {
      const present = (await stage.read()).files.get(file);
      const message = `${volfileStaging} cannot be written: ${errorMessage(error)}`;
      return { file, staging: present?.ok === true ? 'kept' : 'none', message, problems };
    }
  };
  const brick = judge(brickVolfile, 'brick', brickExpectations(config));
  const staged = [await put(brickVolfile, brick)];
  if (shdExpected) staged.push(await put(shdVolfile, judge(shdVolfile, 'shd', clientExpectations(config))));
  if (brick.readable && brick.graph !== undefined && isHandingOut(brick.graph)) {
    const client = await put(clientVolfile, judge(clientVolfile, 'client', clientExpectations(config)));
    // No process starts from it.
    if (client.staging !== 'none') staged.push(client);
  }
  return staged;
}
