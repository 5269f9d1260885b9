/** A real Prometheus that scrapes agents of a lab every second. */
import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { Type, type Static } from 'typebox';
import { Value } from 'typebox/value';
import { stringify } from 'yaml';
import type { LabAgent } from '../lab/agent.ts';
import { request } from '../lab/http.ts';
import type { Lab } from '../lab/lab.ts';
import { LabProcess } from '../lab/process.ts';

const TOOLS = path.resolve(import.meta.dirname, '../../.cache/bin');
const READY_MS = 30_000;

const answerSchema = Type.Object({
  data: Type.Object({
    result: Type.Array(
      Type.Object({
        metric: Type.Record(Type.String(), Type.String()),
        value: Type.Tuple([Type.Number(), Type.String()]),
      }),
    ),
  }),
});

export type Samples = Static<typeof answerSchema>['data']['result'];

export class Prometheus {
  readonly #port: number;

  private constructor(port: number) {
    this.#port = port;
  }

  /** @param rules text of a file of rules, evaluated every second */
  static async start(lab: Lab, agents: readonly LabAgent[], rules: string): Promise<Prometheus> {
    const dir = `${lab.dir}/prometheus`;
    await mkdir(dir);
    const port = await lab.nextPort();
    const targets = agents.map(({ opsPort }) => `127.0.0.1:${opsPort}`);
    await writeFile(`${dir}/rules.yaml`, rules);
    await writeFile(
      `${dir}/prometheus.yaml`,
      stringify({
        global: { scrape_interval: '1s', scrape_timeout: '1s', evaluation_interval: '1s' },
        rule_files: ['rules.yaml'],
        scrape_configs: [{ job_name: 'brick-agent', static_configs: [{ targets }] }],
      }),
    );
    const prometheus = await LabProcess.start({
      labDir: lab.dir,
      what: 'Prometheus',
      command: [
        'prometheus',
        `--config.file=${dir}/prometheus.yaml`,
        `--storage.tsdb.path=${dir}/data`,
        `--web.listen-address=127.0.0.1:${port}`,
        '--log.level=warn',
      ],
      env: { ...process.env, PATH: `${process.env['PATH']}:${TOOLS}` },
      outputFile: `${dir}/output`,
    });
    lab.track(prometheus);
    const started = new Prometheus(port);
    const isReady = async (): Promise<boolean> => (await started.#get('/-/ready')).status === 200;
    await lab.waitFor('Prometheus', isReady, { timeoutMs: READY_MS });
    return started;
  }

  async query(expression: string): Promise<Samples> {
    const { status, text } = await this.#get(`/api/v1/query?query=${encodeURIComponent(expression)}`);
    if (status !== 200) throw new Error(`${expression}: ${status} ${text}`);
    return Value.Parse(answerSchema, JSON.parse(text)).data.result;
  }

  /** `name instance` of each alert that fires. */
  async firing(): Promise<string[]> {
    const samples = await this.query('ALERTS{alertstate="firing"}');
    return samples.map(({ metric }) => `${metric['alertname'] ?? ''} ${metric['instance'] ?? ''}`);
  }

  async #get(url: string) {
    return await request({ method: 'GET', path: url, target: { host: '127.0.0.1', port: this.#port } });
  }
}
