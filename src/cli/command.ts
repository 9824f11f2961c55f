import { cac } from 'cac';
import { TalosdError } from '../lib/errors.ts';

/** Where a command reads its surroundings from and writes to; the composition root passes the process's own. */
export interface Io {
  stdout: { write(text: string | Uint8Array): unknown };
  stderr: { write(text: string | Uint8Array): unknown };
  /** Relative paths on the command line start here. */
  cwd: string;
  env: Readonly<Record<string, string | undefined>>;
}

/**
 * One option of a command. `flags` as cac writes them: `-o, --output-dir <dir>`; without `<…>` it is a switch, which
 * also takes `--name=false` and `--no-name`. A `list` option is repeatable and splits its values at commas.
 */
export interface OptionSpec {
  flags: string;
  help: string;
  default?: string | boolean;
  list?: boolean;
  /** A switch that is on unless it is turned off: help shows `--no-name`. */
  isNegative?: boolean;
}

/** The values of a command's options by camelCased long name, typed by how they were declared. */
export class OptionValues {
  readonly #values: ReadonlyMap<string, string | boolean | readonly string[]>;

  constructor(values: ReadonlyMap<string, string | boolean | readonly string[]>) {
    this.#values = values;
  }

  /** The last value given, the default, or undefined. */
  string(name: string): string | undefined {
    const value = this.#values.get(name);
    return typeof value === 'string' ? value : undefined;
  }

  /** The value of an option without which the command cannot run. */
  required(name: string): string {
    const value = this.string(name);
    if (value === undefined) throw new TalosdError('invalid_argument', `required flag(s) "${kebab(name)}" not set`);
    return value;
  }

  boolean(name: string): boolean {
    return this.#values.get(name) === true;
  }

  list(name: string): readonly string[] {
    const value = this.#values.get(name);
    return Array.isArray(value) ? value : [];
  }

  /** The value as a whole decimal number. */
  integer(name: string): number | undefined {
    const text = this.string(name);
    if (text === undefined) return undefined;
    if (!/^-?\d+$/.test(text))
      throw new TalosdError('invalid_argument', `invalid argument "${text}" for "--${kebab(name)}": not a number`);
    return Number(text);
  }
}

/** What a user types after `talosd`: its arguments, options and what it does. The number returned is the exit code. */
export interface Command {
  /** `<name>` needed, `[name]` optional, `[...names]` any number. */
  args: string;
  /** One or more sentences for `--help`. */
  help: string;
  options: readonly OptionSpec[];
  run(args: readonly string[], options: OptionValues, io: Io): Promise<number>;
}

/** A word of the command tree: a group of further words, or a command whose code is loaded when it is used. */
export type CommandNode =
  | {
      summary: string;
      children: Readonly<Record<string, CommandNode>>;
      /** Options with a value that may stand before the word too. */
      leading?: readonly OptionSpec[];
    }
  | { summary: string; load(): Promise<Command> };

// cac turns what looks like a number into one (`1.10` → 1.1); a marker in front of every value prevents that.
const MARK = '\u0000';

/** Parses `argv` for `command`, or says that its help is wanted. Wrong flags and counts throw `invalid_argument`. */
export function parseCommand(command: Command, argv: readonly string[]): 'help' | [string[], OptionValues] {
  const cli = cac('talosd');
  const leaf = cli
    .command(command.args)
    .option('-h, --help', '')
    .action(() => {});
  for (const option of command.options) leaf.option(option.flags, option.help);
  cli.parse(['', '', ...mark(argv, command.options)], { run: false });
  if (cli.options.help) return 'help';
  for (const name of Object.keys(cli.options)) {
    if (name !== '--' && !leaf.hasOption(name)) {
      const typed = argv.find(arg => camel(arg.replace(/^-+(?:no-)?/, '').split('=', 1)[0]!) === name) ?? '';
      const short = name.length === 1 && !typed.startsWith('--');
      throw new TalosdError('invalid_argument', short ? `unknown flag: -${name}` : `unknown flag: --${kebab(name)}`);
    }
  }
  const values = new Map<string, string | boolean | readonly string[]>();
  for (const option of command.options) {
    const value = optionValue(option, cli.options[optionName(option)]);
    if (value !== undefined) values.set(optionName(option), value);
  }
  const args = [...cli.args, ...(cli.options['--'] as string[])].map(unmark);
  checkCount(command.args, args.length);
  return [args, new OptionValues(values)];
}

/** The text of `--help` of one command, `path` being the words typed so far. */
export function commandHelp(path: readonly string[], command: Command): string {
  const options = [...command.options, { flags: '-h, --help', help: 'show this text' } satisfies OptionSpec];
  const rows = options.map((option: OptionSpec) => {
    const isPlain = option.default === undefined || option.default === '' || option.isNegative;
    const flags = option.isNegative ? option.flags.replace('--', '--no-') : option.flags;
    return [
      /^-\w,/.test(flags) ? flags : `    ${flags}`,
      option.help + (isPlain ? '' : ` (default ${option.default})`),
    ];
  });
  const usage = ['talosd', ...path, command.args, '[flags]'].filter(Boolean).join(' ');
  return `${command.help}\n\nUsage:\n  ${usage}\n\nFlags:\n${columns(rows)}`;
}

/** One line on each of some commands, by name. */
export type Summaries = Readonly<Record<string, string>>;

/** The text of `--help` of a group of commands; `elsewhere` are those that are not in the tree. */
export function groupHelp(
  path: readonly string[],
  node: { summary: string; children: Readonly<Record<string, CommandNode>> },
  elsewhere: Summaries = {},
): string {
  const usage = ['talosd', ...path].join(' ');
  const own = Object.entries(node.children).map(([name, child]) => [name, child.summary]);
  const rows = [...Object.entries(elsewhere), ...own];
  return `${node.summary}\n\nUsage:\n  ${usage} <command>\n\nCommands:\n${columns(rows)}\nMore about one: ${usage} <command> --help\n`;
}

function columns(rows: readonly (readonly string[])[]): string {
  const width = Math.max(...rows.map(row => row[0]!.length));
  return rows.map(([left, right]) => `  ${left!.padEnd(width)}  ${right}\n`).join('');
}

function optionName(option: OptionSpec): string {
  return camel(/--([\w-]+)/.exec(option.flags)![1]!);
}

function optionValue(option: OptionSpec, raw: unknown): string | boolean | readonly string[] | undefined {
  const given = (raw === undefined ? [] : [raw].flat()) as (string | boolean)[];
  if (!option.flags.includes('<')) return given.length > 0 ? given.at(-1) === true : option.default;
  if (given.some(value => typeof value === 'boolean'))
    throw new TalosdError('invalid_argument', `flag needs an argument: --${kebab(optionName(option))}`);
  const texts = given.map(value => unmark(String(value)));
  if (option.list) return texts.flatMap(text => (text === '' ? [] : text.split(',')));
  return texts.at(-1) ?? option.default;
}

function checkCount(declared: string, received: number): void {
  const words = declared.split(/\s+(?=[<[])/).filter(Boolean);
  const least = words.filter(word => word.startsWith('<')).length;
  const most = words.some(word => word.startsWith('[...')) ? Number.POSITIVE_INFINITY : words.length;
  if (received >= least && received <= most) return;
  const wanted =
    least === most ? `${least}` : most === Number.POSITIVE_INFINITY ? `at least ${least}` : `${least} to ${most}`;
  throw new TalosdError('invalid_argument', `accepts ${wanted} arg(s), received ${received}`);
}

/** Marks values, and turns `--switch=false` into `--no-switch`, which cac understands. */
function mark(argv: readonly string[], options: readonly OptionSpec[]): string[] {
  const switches = new Map<string, string>();
  for (const option of options)
    if (!option.flags.includes('<'))
      for (const flag of option.flags.split(',')) switches.set(flag.trim(), `--${kebab(optionName(option))}`);
  const end = argv.indexOf('--');
  return argv.flatMap((arg, index) => {
    const isNegative = /^-\d/.test(arg) && takesValue(argv[index - 1], options);
    if ((end >= 0 && index > end) || !arg.startsWith('-') || arg === '-' || isNegative) return MARK + arg;
    // `-mcloud`: the value of a short option may follow at once
    if (arg[1] !== '-' && arg[2] !== '=' && takesValue(arg.slice(0, 2), options) && arg.length > 2)
      return [arg.slice(0, 2), MARK + arg.slice(2)];
    const equals = arg.indexOf('=');
    if (equals < 0) return arg;
    const [flag, value] = [arg.slice(0, equals), arg.slice(equals + 1)];
    const name = switches.get(flag);
    if (name === undefined) return `${flag}=${MARK}${value}`;
    if (/^(1|t|true|T|TRUE|True)$/.test(value)) return name;
    if (/^(0|f|false|F|FALSE|False)$/.test(value)) return `--no-${name.slice(2)}`;
    throw new TalosdError('invalid_argument', `invalid argument "${value}" for "${name}": true or false expected`);
  });
}

/** Whether the next word belongs to `flag`. */
function takesValue(flag: string | undefined, options: readonly OptionSpec[]): boolean {
  return options.some(({ flags }) => flags.includes('<') && flags.split(/[ ,]+/).some(each => each === flag));
}

/**
 * `argv` with the options that stand before its word `at` moved behind it: people write `ctl -n 10.5.0.2 version` as well
 * as `ctl version -n 10.5.0.2`.
 */
export function moveLeadingOptions(argv: readonly string[], at: number, options: readonly OptionSpec[]): string[] {
  let next = at;
  while (takesValue(argv[next]?.split('=', 1)[0], options)) next += argv[next]!.includes('=') ? 1 : 2;
  const [word, ...rest] = argv.slice(next);
  return [...argv.slice(0, at), ...(word === undefined ? [] : [word]), ...argv.slice(at, next), ...rest];
}

const unmark = (text: string): string => (text.startsWith(MARK) ? text.slice(1) : text);
const camel = (text: string): string => text.replace(/-(\w)/g, (_, letter: string) => letter.toUpperCase());
const kebab = (text: string): string => text.replace(/[A-Z]/g, letter => `-${letter.toLowerCase()}`);
