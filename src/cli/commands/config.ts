import { configOptions, configSchema } from '../../agent/config/schema.ts';
import { printJson, type Output } from '../output.ts';
import { formatTable } from '../table.ts';

export function configCommand(output: Output, schema: boolean): void {
  if (schema) {
    printJson(output, configSchema);
    return;
  }
  output.line(
    formatTable(
      [
        { title: 'KEY', cell: (option) => option.key },
        { title: 'FLAG', cell: (option) => option.flag },
        { title: 'ENVIRONMENT', cell: (option) => option.kadaluEnv ?? option.env },
        { title: 'DEFAULT', cell: (option) => (option.required ? '(required)' : String(option.byDefault ?? '')) },
      ],
      configOptions,
    ),
  );
}
