/** Ends this process when the one that forked it ends, however that was. Ctrl-C is the parent's to answer. */
export function stayWithParent(): void {
  process.on('SIGINT', () => {});
  process.on('disconnect', () => process.exit());
}
