// `npm run dashboards`: writes the dashboards for Grafana and the rules for Prometheus.
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { GENERATED } from './generated-files.ts';

for (const [path, text] of Object.entries(GENERATED)) {
  const file = join(import.meta.dirname, '../..', path);
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, text());
}
