import { mainDashboard } from './main.ts';

/** Every generated file, by its path in the project, and what stands in it. */
export const GENERATED: Readonly<Record<string, () => string>> = {
  'dashboards/connmeter.json': () => json(mainDashboard('pull')),
  'dashboards/otlp/connmeter.json': () => json(mainDashboard('otlp')),
};

function json(value: object): string {
  return `${JSON.stringify(value, null, 2)}\n`;
}
