import type { OptionSpec } from '../command.ts';

/** Flags that every command takes (spec/api.md §3). */
export const TARGET_OPTIONS: readonly OptionSpec[] = [
  { flags: '--talosconfig <path>', help: 'talosconfig to use (else $TALOSCONFIG, .node/talosconfig, ~/.talos/config)' },
  { flags: '--context <name>', help: 'context of the talosconfig to use' },
  { flags: '-n, --nodes <list>', help: 'nodes the command is for (comma-separated, repeatable)', list: true },
  { flags: '-e, --endpoints <list>', help: 'nodes to connect to (comma-separated, repeatable)', list: true },
];
