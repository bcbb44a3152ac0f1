/**
 * Matchers for the variables that say where a job runs. Every query has them. `cluster` and `namespace` also match series without
 * these labels.
 */
export const PLACE = ['cluster', 'namespace', 'job'].map(label => `${label}=~"$${label}"`).join(', ');
