/** The doctor where no agent answers. */
import { errorMessage, isAgentError } from '../../lib/errors.ts';
import type { Config } from '../config/load.ts';
import type { DoctorView } from '../http/doctor-schema.ts';
import { diagnose } from './diagnose.ts';
import { factsWithoutConfig, offlineFacts } from './offline-facts.ts';
import { doctorView } from './view.ts';

/**
 * @param configure reads the configuration; one that is refused is the finding
 * @param down why no agent answers
 * @returns hangs: a system call holds a thread, so that the process cannot end by itself
 */
export async function diagnoseOffline(
  configure: () => Config,
  down: string,
): Promise<{ view: DoctorView; hangs: boolean }> {
  let config: Config;
  try {
    config = configure();
  } catch (error) {
    if (!isAgentError(error, 'ConfigInvalid')) throw error;
    return { view: doctorView(diagnose(factsWithoutConfig(down, errorMessage(error).split('\n')))), hangs: false };
  }
  const { facts, hangs } = await offlineFacts(config, down);
  return { view: doctorView(diagnose(facts)), hangs };
}
