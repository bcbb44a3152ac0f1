// `npm run dashboards`: writes the dashboards for Grafana, the rules for Prometheus, and the inhibit_rules for Alertmanager.
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { GENERATED } from './generated-files.ts';
import { withInhibitRules } from './rules/inhibitions.ts';

for (const [path, text] of Object.entries(GENERATED)) {
  const file = join(import.meta.dirname, '../..', path);
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, text());
}

const alertmanager = join(import.meta.dirname, '../../deploy/alertmanager.yml');
writeFileSync(alertmanager, withInhibitRules(readFileSync(alertmanager, 'utf8')));
