import { fleetDashboard } from './fleet-dashboard.ts';
import { json } from './json.ts';
import { mainDashboard } from './main-dashboard.ts';
import { rulesFile } from './rules/rules-file.ts';

/** The generated files: path in the repository -> contents. */
export const GENERATED: Readonly<Record<string, () => string>> = {
  'dashboards/connmeter.json': () => json(mainDashboard('pull')),
  'dashboards/otlp/connmeter.json': () => json(mainDashboard('otlp')),
  'dashboards/connmeter-fleet.json': () => json(fleetDashboard()),
  'dashboards/otlp/connmeter-fleet.json': () => json(fleetDashboard()),
  'dashboards/rules/connmeter.yaml': () => rulesFile('pull'),
  'dashboards/otlp/rules/connmeter.yaml': () => rulesFile('otlp'),
};
