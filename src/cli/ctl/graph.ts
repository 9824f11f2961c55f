type Attributes = Readonly<Record<string, string>>;

interface Node {
  number: number;
  attributes: Attributes;
  group: string | undefined;
}

/** A directed graph as text for graphviz. Nodes are numbered as they come and written in the order of their names. */
export class Graph {
  readonly #nodes = new Map<string, Node>();
  readonly #edges = new Map<string, { to: string; attributes: Attributes }[]>();

  /** Adds a node, once; its label is its name unless `attributes` has one. Nodes of a `group` stand in one box. */
  node(name: string, attributes: Attributes, group?: string): void {
    if (this.#nodes.has(name)) return;
    this.#nodes.set(name, { number: this.#nodes.size + 1, attributes: { label: name, ...attributes }, group });
  }

  /** Joins two nodes that were added. */
  edge(from: string, to: string, attributes: Attributes): void {
    const edges = this.#edges.get(from) ?? [];
    edges.push({ to, attributes });
    this.#edges.set(from, edges);
  }

  render(): string {
    const names = [...this.#nodes.keys()].sort();
    const groups = [...new Set(names.map(name => this.#nodes.get(name)!.group).filter(group => group !== undefined))];
    const boxes = groups.sort().flatMap((group, index) => {
      const members = names.filter(name => this.#nodes.get(name)!.group === group);
      const lines = members.map(name => `\t\t${this.#line(name)}`);
      return [`\tsubgraph cluster_s${index + 1} {`, `\t\tlabel=${quote(group)};`, ...lines, '\t}'];
    });
    const free = names.filter(name => this.#nodes.get(name)!.group === undefined);
    const edges = names.flatMap(from =>
      (this.#edges.get(from) ?? []).map(
        ({ to, attributes }) => `\t${this.#id(from)}->${this.#id(to)}${attributeText(attributes)};`,
      ),
    );
    const body = [...boxes, '\t', ...free.map(name => `\t${this.#line(name)}`), ...edges, '\t'];
    return `digraph  {\n${body.join('\n')}\n}\n`;
  }

  #line(name: string): string {
    return `${this.#id(name)}${attributeText(this.#nodes.get(name)!.attributes)};`;
  }

  #id(name: string): string {
    return `n${this.#nodes.get(name)!.number}`;
  }
}

function attributeText(attributes: Attributes): string {
  const pairs = Object.entries(attributes).sort(([a], [b]) => (a < b ? -1 : 1));
  return `[${pairs.map(([key, value]) => `${key}=${quote(value)}`).join(',')}]`;
}

const quote = (text: string): string => `"${text.replace(/["\\]/g, '\\$&')}"`;
