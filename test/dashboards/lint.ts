import { allPanels, type DashboardJson, type PanelJson, type VariableJson } from '../support/dashboards.ts';
import { selectorsOf } from './selectors.ts';

/**
 * The rules of Grafana's dashboard linter, by name. Each returns the violations that it finds.
 * https://github.com/grafana/dashboard-linter/blob/main/docs/index.md
 *
 * promtool replaces `target-promql-rule` and `template-label-promql-rule`, see dashboard.test.ts. `allowed` has two exceptions:
 * some tables show the whole time range, and recorded series have no instances.
 */
export const RULES: Readonly<Record<string, (dashboard: DashboardJson, allowed: Allowed) => string[]>> = {
  'template-datasource-rule': ({ templating }) => {
    const found = templating.list.filter(({ type }) => type === 'datasource');
    const [only] = found;
    return check(
      found.length === 1 &&
        only?.name === 'datasource' &&
        only['label'] === 'Data source' &&
        only.query === 'prometheus',
      'needs one variable named datasource, labelled Data source, of type prometheus',
    );
  },
  'template-job-rule': dashboard => template(dashboard, 'job', 'Job'),
  'template-instance-rule': (dashboard, { recorded }) => (recorded ? [] : template(dashboard, 'instance', 'Instance')),
  'template-on-time-change-reload-rule': ({ templating }) =>
    queried(templating.list)
      .filter(variable => variable['refresh'] !== 2)
      .map(({ name }) => name),
  'template-unused-rule': dashboard => {
    const { templating, ...rest } = dashboard;
    const text = JSON.stringify([rest, templating.list.map(({ query, datasource }) => [query, datasource])]);
    return templating.list.map(({ name }) => name).filter(name => !new RegExp(`\\$\\{?${name}\\b`).test(text));
  },
  'panel-datasource-rule': dashboard =>
    panels(dashboard)
      .filter(
        ({ datasource, targets = [] }) =>
          datasource?.uid !== '$datasource' || targets.some(({ datasource }) => datasource?.uid !== '$datasource'),
      )
      .map(title),
  'panel-title-description-rule': dashboard =>
    panels(dashboard)
      .filter(({ title, description }) => !title || !description)
      .map(({ id }) => `${id}`),
  'panel-units-rule': dashboard =>
    panels(dashboard).flatMap(panel => {
      const overrides = panel.fieldConfig?.overrides.flatMap(({ properties }) => properties) ?? [];
      const units = [
        panel.fieldConfig?.defaults.unit,
        ...overrides.filter(({ id }) => id === 'unit').map(({ value }) => value),
      ];
      return units.filter(unit => !UNITS.includes(unit as string)).map(unit => `${panel.title}: ${unit}`);
    }),
  'panel-no-targets-rule': dashboard =>
    panels(dashboard)
      .filter(({ targets = [] }) => targets.length === 0)
      .map(title),
  'target-rate-interval-rule': (dashboard, { now }) =>
    queries(dashboard).flatMap(({ panel, expr }) => {
      const expected = now.includes(panel.title) ? '5m' : '$__rate_interval';
      return selectorsOf(expr).flatMap(({ window }) =>
        window === undefined || window === expected ? [] : [`${panel.title}: ${window}`],
      );
    }),
  'target-job-rule': dashboard => ['cluster', 'namespace', 'job'].flatMap(label => without(dashboard, label)),
  'target-instance-rule': (dashboard, { recorded, ofJobs }) =>
    recorded
      ? []
      : without(dashboard, 'instance').filter(found => !ofJobs.some(title => found.startsWith(`${title}:`))),
  'target-counter-agg-rule': (dashboard, { recorded }) =>
    queries(dashboard).flatMap(({ panel, expr }) =>
      selectorsOf(expr)
        .filter(
          ({ metric, call, window }) => !recorded && COUNTER.test(metric) && (call !== 'rate' || window === undefined),
        )
        .map(({ metric }) => `${panel.title}: ${metric}`),
    ),
  'uneditable-dashboard-rule': dashboard => check(dashboard['editable'] === false, 'editable'),
};

export interface Allowed {
  /** The panels that show the last 5 minutes, whatever the time range is. */
  readonly now: readonly string[];
  /** The panels about something that has no instances: alerts. */
  readonly ofJobs: readonly string[];
  /** The dashboard uses recorded series, which have no instances and are rates already. */
  readonly recorded: boolean;
}

/** The units in use. Grafana shows an unknown unit as text. */
const UNITS = ['none', 'short', 'percentunit', 's', 'cps', 'reqps'];

const COUNTER = /_(total|bucket|count|sum)$/;

export function panels(dashboard: DashboardJson): PanelJson[] {
  return allPanels(dashboard).filter(({ type }) => type !== 'row');
}

export function queries(dashboard: DashboardJson): { panel: PanelJson; expr: string }[] {
  return panels(dashboard).flatMap(panel => (panel.targets ?? []).map(({ expr }) => ({ panel, expr })));
}

function template({ templating }: DashboardJson, name: string, label: string): string[] {
  const variable = templating.list.find(variable => variable.name === name);
  const { uid } = (variable?.['datasource'] ?? {}) as { uid?: string };
  return check(
    variable?.type === 'query' &&
      variable['label'] === label &&
      variable['multi'] === true &&
      variable['allValue'] === '.+' &&
      uid === '$datasource',
    `${name}: needs a query of $datasource, the label ${label}, multiple values, and .+ for all`,
  );
}

function without(dashboard: DashboardJson, label: string): string[] {
  return queries(dashboard).flatMap(({ panel, expr }) =>
    selectorsOf(expr).every(({ matchers }) => matchers[label] === `=~"$${label}"`) ? [] : [`${panel.title}: ${expr}`],
  );
}

function queried(variables: readonly VariableJson[]): VariableJson[] {
  return variables.filter(({ type }) => type === 'query');
}

function check(ok: boolean, requirement: string): string[] {
  return ok ? [] : [requirement];
}

function title({ title }: PanelJson): string {
  return title;
}
