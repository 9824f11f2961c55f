/**
 * The arguments that the kernel was started with (sequences-and-services.md §5.1): words separated by blanks, split at
 * the first `=`. Double quotes hold blanks together, as the kernel itself reads them: `key="a b"` or `"key=a b"`.
 */
export class KernelArguments {
  readonly #values = new Map<string, string[]>();

  constructor(commandLine: string) {
    for (const word of commandLine.match(/(?:"[^"]*(?:"|$)|[^\s"])+/g) ?? []) {
      const [, key = '', value = ''] = /^([^=]*)=?(.*)$/s.exec(unquoted(word))!;
      const plain = unquoted(value);
      const known = this.#values.get(key);
      if (known) known.push(plain);
      else this.#values.set(key, [plain]);
    }
  }

  /** The first value of an argument: empty where it stands alone, undefined where it is absent. */
  first(key: string): string | undefined {
    return this.#values.get(key)?.[0];
  }

  /** All values of an argument, in order. */
  all(key: string): readonly string[] {
    return this.#values.get(key) ?? [];
  }
}

const unquoted = (text: string): string => (text.startsWith('"') ? text.slice(1).replace(/"$/, '') : text);
