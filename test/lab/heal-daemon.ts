/** The self-heal daemon (shd) of a volume. One serves all bricks of a lab volume, because they are on one machine. */
import type { ConfigMap } from './config-map.ts';
import type { LabContext } from './context.ts';
import { Daemon, podPlaces, probeConnect } from './daemon.ts';

export const SHD_VOLFILE = 'glustershd.vol';

export class HealDaemon extends Daemon {
  readonly volfileName = SHD_VOLFILE;
  readonly volfile: string;

  constructor(context: LabContext, dir: string, configMap: ConfigMap) {
    super(context, `self-heal daemon in ${dir}`, podPlaces(dir, 'shd'));
    this.volfile = configMap.path(SHD_VOLFILE);
  }

  protected override command(): string[] {
    const files = ['-f', this.volfile, '-S', this.socket, '-p', this.pidFile, '-l', this.logFile];
    return ['glusterfs', '-N', ...files, '--process-name', 'glustershd', '--client-pid=-6'];
  }

  protected override async probe(): Promise<void> {
    await probeConnect({ path: this.socket });
  }
}
