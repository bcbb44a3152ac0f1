/** Exits when the parent process exits, for whatever reason. The parent handles Ctrl-C. */
export function exitWithParent(): void {
  process.on('SIGINT', () => {});
  process.on('disconnect', () => process.exit());
}
