import { readFileSync } from 'node:fs';
import { join } from 'node:path';

const ROOT = join(import.meta.dirname, '../..');

/** The parts of a Grafana dashboard that the tests read. */
export interface DashboardJson {
  readonly uid: string;
  readonly title: string;
  readonly panels: readonly PanelJson[];
  readonly templating: { readonly list: readonly VariableJson[] };
  readonly annotations: { readonly list: readonly { readonly name: string; readonly expr?: string }[] };
  readonly [more: string]: unknown;
}

export interface PanelJson {
  readonly id: number;
  readonly type: string;
  readonly title: string;
  readonly description?: string;
  readonly gridPos: { readonly x: number; readonly y: number; readonly w: number; readonly h: number };
  readonly datasource?: { readonly type: string; readonly uid: string };
  readonly targets?: readonly TargetJson[];
  readonly transformations?: readonly { readonly id: string; readonly options: unknown }[];
  readonly fieldConfig?: {
    readonly defaults: {
      readonly unit?: string;
      readonly noValue?: string;
      readonly min?: number;
      readonly links?: readonly { readonly url: string }[];
    };
    readonly overrides: readonly {
      readonly matcher: { readonly id: string; readonly options: unknown };
      readonly properties: readonly { readonly id: string; readonly value: unknown }[];
    }[];
  };
  readonly options?: Readonly<Record<string, unknown>>;
  /** Of a collapsed row: its panels. */
  readonly panels?: readonly PanelJson[];
  readonly collapsed?: boolean;
}

export interface TargetJson {
  readonly refId: string;
  readonly expr: string;
  readonly datasource?: { readonly uid: string };
  readonly format?: string;
  readonly instant?: boolean;
  readonly legendFormat?: string;
}

export interface VariableJson {
  readonly name: string;
  readonly type: string;
  readonly query: string | { readonly query: string };
  readonly allValue?: string;
  readonly [more: string]: unknown;
}

/** Values of Grafana's variables. Of every variable that is not given, all values are chosen. */
export interface Chosen {
  readonly window?: string;
  readonly range?: string;
  readonly variables?: Readonly<Record<string, string>>;
}

/** Reads a dashboard by its path in the project. */
export function readDashboard(path: string): DashboardJson {
  return JSON.parse(readFileSync(join(ROOT, path), 'utf8'));
}

/** All rows and panels, also those in collapsed rows, which a row has in `panels`. */
export function allPanels({ panels }: DashboardJson): PanelJson[] {
  return panels.flatMap(panel => [panel, ...(panel.panels ?? [])]);
}

/** Every query of the panels, as Grafana would send it to Prometheus. */
export function queriesOf(dashboard: DashboardJson, chosen: Chosen = {}): { panel: string; expr: string }[] {
  return allPanels(dashboard).flatMap(({ title, targets = [] }) =>
    targets.map(({ expr }) => ({ panel: title, expr: substituted(expr, dashboard, chosen) })),
  );
}

/** The variables that are filled from Prometheus: the values of a label, among the series that match. */
export function variablesOf(dashboard: DashboardJson, chosen: Chosen = {}) {
  return dashboard.templating.list.flatMap(({ name, type, query }) => {
    const text = substituted(typeof query === 'string' ? query : query.query, dashboard, chosen);
    const [, match, label] = /^label_values\((.+), (\w+)\)$/.exec(text) ?? [];
    return type !== 'query' || match === undefined || label === undefined ? [] : [{ name, match, label }];
  });
}

/** The queries of the annotations. */
export function annotationsOf(dashboard: DashboardJson, chosen: Chosen = {}): { name: string; expr: string }[] {
  return dashboard.annotations.list.flatMap(({ name, expr }) =>
    expr === undefined ? [] : [{ name, expr: substituted(expr, dashboard, chosen) }],
  );
}

function substituted(
  text: string,
  { templating }: DashboardJson,
  { window = '1m', range = '5m', variables = {} }: Chosen,
): string {
  const all = new Map(templating.list.map(({ name, allValue }) => [name, allValue]));
  return text
    .replaceAll('$__rate_interval', window)
    .replaceAll('$__range', range)
    .replaceAll(
      /\$(?:\{([a-z]\w*)\}|([a-z]\w*))/g,
      (_, braced, bare) => variables[braced ?? bare] ?? `${all.get(braced ?? bare)}`,
    );
}
