// One fault, one alert: the rules by which Alertmanager mutes the more general alerts of a fault.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { parse } from 'yaml';
import type { Alert, AlertName } from '../../dashboards/source/rules/alerts/alert.ts';
import { ALERTS } from '../../dashboards/source/rules/alerts.ts';
import { withInhibitRules } from '../../dashboards/source/rules/inhibitions.ts';
import { LEVELS } from '../../dashboards/source/rules/recorded-series.ts';
import { startAlertmanager, startWebhook } from '../support/alertmanager.ts';
import { testWith } from '../support/installed.ts';
import { until } from '../support/until.ts';

const CONFIG = readFileSync(join(import.meta.dirname, '../../deploy/alertmanager.yml'), 'utf8');
const RULES = parse(CONFIG).inhibit_rules as {
  source_matchers: string[];
  target_matchers: string[];
  equal: string[];
}[];

const named = (name: AlertName): Alert => {
  const found = ALERTS.find(alert => alert.name === name);
  if (found === undefined) throw new Error(`There is no alert ${name}`);
  return found;
};
const PAIRS = ALERTS.flatMap(source => (source.inhibits ?? []).map(name => [source, named(name)] as const));

test('the configuration of Alertmanager has a rule for each pair of alerts, and no others', () => {
  const names = ([matcher = '']: string[]) => /^alertname =~? "(.+)"$/.exec(matcher)?.[1]?.split('|') ?? [];
  const inFile = RULES.flatMap(({ source_matchers, target_matchers, equal }) =>
    names(source_matchers).flatMap(source => names(target_matchers).map(target => `${source} ${target} ${equal}`)),
  );

  const expected = PAIRS.map(([source, target]) => {
    const others: readonly string[] = LEVELS[target.level];
    return `${source.name} ${target.name} ${LEVELS[source.level].filter(label => others.includes(label))}`;
  });
  expect(inFile.sort()).toEqual(expected.sort());
});

test('it is up to date', () => {
  expect(withInhibitRules(CONFIG)).toBe(CONFIG);
});

test('no alert mutes itself, a more severe one, or one that mutes it', () => {
  const severities = ['info', 'warning', 'critical'];

  for (const [source, target] of PAIRS) {
    expect(severities.indexOf(target.severity), `${source.name} mutes ${target.name}`).toBeLessThanOrEqual(
      severities.indexOf(source.severity),
    );
    expect(target.inhibits ?? [], `${target.name} mutes ${source.name}`).not.toContain(source.name);
    expect(target).not.toBe(source);
  }
});

testWith('prometheus-alertmanager')(
  'Alertmanager delivers the specific alert, and those of other servers',
  {
    timeout: 60_000,
  },
  async () => {
    const webhook = await startWebhook();
    const url = await startAlertmanager(webhook, { inhibit_rules: RULES });
    const post = async (alerts: object[]) => {
      const body = JSON.stringify(alerts.map(labels => ({ labels })));
      const answer = await fetch(`${url}/api/v2/alerts`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body,
      });
      expect(answer.status).toBe(200);
    };
    const labelsOf = ({ name, level }: Alert, job: string, server: string) => ({
      alertname: name,
      job,
      ...(level === 'job_server' && { server_address: server, server_port: '443' }),
    });
    const received = () =>
      webhook.notices
        .map(({ labels }) => [labels['alertname'], labels['job'], labels['server_address']].join(' '))
        .sort();

    // Each specific alert has a job of its own, and comes first.
    const sources = [...new Set(PAIRS.map(([source]) => source))];
    await post(sources.map(source => labelsOf(source, `job of ${source.name}`, 'a')));
    await until(received, notices => notices.length >= sources.length, 30_000);
    const general = named('ConnmeterReuseLow');
    await post([
      ...PAIRS.map(([source, target]) => labelsOf(target, `job of ${source.name}`, 'a')),
      labelsOf(general, 'job of ConnmeterClientPerRequest', 'b'),
      labelsOf(general, 'another job', 'a'),
      labelsOf(named('ConnmeterDnsRateHigh'), 'a third job', ''),
    ]);

    const expected = [
      ...sources.map(source =>
        [source.name, `job of ${source.name}`, source.level === 'job_server' ? 'a' : undefined].join(' '),
      ),
      'ConnmeterReuseLow job of ConnmeterClientPerRequest b',
      'ConnmeterReuseLow another job a',
      'ConnmeterDnsRateHigh a third job ',
    ].sort();
    await until(received, notices => notices.length >= expected.length, 30_000);
    const suppressed = await until(
      async () => (await fetch(`${url}/api/v2/alerts?active=false&inhibited=true`)).json() as Promise<unknown[]>,
      alerts => alerts.length >= PAIRS.length,
      30_000,
    );
    expect(suppressed).toHaveLength(PAIRS.length);
    expect(received()).toEqual(expected);
  },
);
