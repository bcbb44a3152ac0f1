// `npm run dashboards`: writes what is generated, for Grafana and Prometheus.
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { GENERATED } from './generated-files.ts';

for (const [path, text] of Object.entries(GENERATED)) {
  const file = join(import.meta.dirname, '../..', path);
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, text());
}
