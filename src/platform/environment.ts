/** A process's environment. */
export type Variables = Record<string, string | undefined>;

/**
 * `machine.env` in the environment of the agent, which every request through a proxy and every service that starts looks
 * at (machine-config.md §14.2). What the config no longer names is as it was before.
 */
export class UserEnvironment {
  readonly #variables: Variables;
  readonly #before = new Map<string, string | undefined>();

  constructor(variables: Variables) {
    this.#variables = variables;
  }

  apply(env: Readonly<Record<string, string>>): void {
    for (const name of [...this.#before.keys()]) if (!Object.hasOwn(env, name)) this.#restore(name);
    for (const [name, value] of Object.entries(env)) {
      if (!this.#before.has(name)) this.#before.set(name, this.#variables[name]);
      this.#variables[name] = value;
    }
  }

  #restore(name: string): void {
    const before = this.#before.get(name);
    this.#before.delete(name);
    if (before === undefined) delete this.#variables[name];
    else this.#variables[name] = before;
  }
}
