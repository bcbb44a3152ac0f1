// From a program's fault to somebody's pager and back, through the real things: connmeter, Prometheus with our rules,
// Alertmanager, a webhook. Only the clock of the rules is faster than the one that users install.
import { expect } from 'vitest';
import { type Durations, scaledDown } from '../../dashboards/source/durations.ts';
import { RECORDED, type RecordedName } from '../../dashboards/source/rules/recorded-series.ts';
import { rulesFile } from '../../dashboards/source/rules/rules-file.ts';
import { type Notice, startAlertmanager, startWebhook } from '../support/alertmanager.ts';
import { freePort, programPath, REGISTER, start } from '../support/child.ts';
import { testWith } from '../support/installed.ts';
import { until } from '../support/measuring.ts';
import { startPrometheus } from '../support/prometheus.ts';

/** How long anything may take. It takes a third of it; the rest is for a machine that is busy. */
const PATIENCE = 60_000;

/** 60 times as fast as what users install, over windows that bear a scrape or two that come late. */
const DURATIONS: Durations = { ...scaledDown(60), window: 10 };

const test = testWith('prometheus', 'prometheus-alertmanager');

test('a fault is recorded, fires its alert at the webhook, and is resolved there by its cure', {
  timeout: 240_000,
}, async () => {
  const port = await freePort();
  const app = start(programPath('faulty.ts'), {
    node: ['--import', REGISTER.href],
    env: { OTEL_EXPORTER_PROMETHEUS_HOST: '127.0.0.1', OTEL_EXPORTER_PROMETHEUS_PORT: `${port}` },
  });
  const webhook = await startWebhook();
  const prometheus = await startPrometheus({
    scrape: { orders: { target: `127.0.0.1:${port}` } },
    rules: [rulesFile('pull', DURATIONS)],
    alertmanager: await startAlertmanager(webhook),
  });
  await app.wrote('.\n');
  const [, address, serverPort] = /asks (.+):(\d+)\./.exec(app.said.stdout) ?? [];
  const server = { job: 'orders', server_address: address, server_port: serverPort };
  const matchers = `{job="orders",server_port="${serverPort}"}`;

  const recorded = async (name: RecordedName) => {
    await new Promise(resolve => setTimeout(resolve, 200)); // it is evaluated once a second
    return (await prometheus.query(`${name}${matchers}`))[0]?.value;
  };
  const told = (alertname: string): readonly Notice[] =>
    webhook.notices.filter(({ labels }) => labels['alertname'] === alertname);
  const notice = (alertname: string, status: Notice['status']) =>
    until(
      () => told(alertname).at(-1),
      last => last?.status === status,
      PATIENCE,
    );
  const becomes = (name: RecordedName, holds: (value: number) => boolean) =>
    until(
      () => recorded(name),
      value => value !== undefined && holds(value),
      PATIENCE,
    );

  /** A text of job, server and numbers. */
  const tells = new RegExp(`^orders .* ${address}:${serverPort}.*\\d.*\\.$`);

  // All is well.
  await becomes(RECORDED.reuse, ratio => ratio > 0.9);
  await becomes(RECORDED.requests, rate => rate > 1);
  await becomes(RECORDED.held, held => held === 0);
  expect(webhook.notices).toEqual([]);

  // It holds bodies.
  app.tell('hold');
  const held = await notice('ConnmeterBodiesHeld', 'firing');
  expect(held?.labels).toEqual({ alertname: 'ConnmeterBodiesHeld', severity: 'warning', ...server });
  expect(held?.annotations).toEqual({
    summary: 'Bodies that nobody reads hold connections.',
    description: expect.stringMatching(tells),
    dashboard: expect.stringMatching(/^Panel ".+"$/),
    runbook_url: expect.stringMatching(/docs\/runbooks\/ConnmeterBodiesHeld\.md$/),
  });

  // Another fault takes its place: the one is resolved, the other fires.
  app.tell('client');
  const perRequest = await notice('ConnmeterClientPerRequest', 'firing');
  expect(perRequest?.labels).toEqual({ alertname: 'ConnmeterClientPerRequest', severity: 'warning', ...server });
  expect(perRequest?.annotations).toEqual({
    summary: 'A program makes a client for each request.',
    description: expect.stringMatching(tells),
    dashboard: expect.stringMatching(/^Panel ".+"$/),
    runbook_url: expect.stringMatching(/docs\/runbooks\/ConnmeterClientPerRequest\.md$/),
  });
  await becomes(RECORDED.reuse, ratio => ratio < 0.5);
  await notice('ConnmeterBodiesHeld', 'resolved');

  // It is cured.
  app.tell('behave');
  await notice('ConnmeterClientPerRequest', 'resolved');
  await becomes(RECORDED.reuse, ratio => ratio > 0.9);
  for (const alertname of ['ConnmeterBodiesHeld', 'ConnmeterClientPerRequest']) {
    expect([alertname, told(alertname).at(0)?.status, told(alertname).at(-1)?.status]).toEqual([
      alertname,
      'firing',
      'resolved',
    ]);
  }
});
