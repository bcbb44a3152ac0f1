/** Where good ends and bad begins: the one place for dashboards, rules and runbooks. */
export const THRESHOLDS = {
  /** Share of requests on a connection that had served one before. A healthy client is above `good`; below `bad` is an alert. */
  reuse: { good: 0.9, bad: 0.7 },
} as const;
