export const HELP = `Shows which connections a Node.js program wastes, and what to change.

  connmeter app.js [arguments]           run a program, and report what wastes connections
  connmeter -- node --flag app.js        the same for any command: npm, tsx, a script
  connmeter top [host:port | pid]        watch a program that runs
  connmeter explain <cause or alert>     print the page about it

Options, before the program:
  --plain           no live table, no colours
  --json            print the report as JSON on stdout; the output of the program goes to stderr
  --fail-on LIST    end with exit code 1 if one of the conditions is true, for example 'reuse<0.9,held>0'.
                    Of: reuse, opened, failed, held, waiting, wasted (in seconds), findings
  --once            with top: print once, and end
  --help, --version

The program runs as always: its output, its exit code and its signals stay the same, and nothing is installed in it.`;
