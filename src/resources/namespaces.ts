/** The namespaces of the store and what they hold (spec/resources.md §4). */
export const NAMESPACES: Readonly<Record<string, string>> = {
  config: 'What the user wants of this node.',
  controlplane: 'The Kubernetes control plane on this node.',
  extras: 'Kubernetes objects from elsewhere, applied besides the built-in ones.',
  meta: 'What namespaces and types of resources there are.',
  network: 'The network of this node: what is wanted in all, and what is there.',
  'network-config': 'The network of this node: what each layer wants.',
  runtime: 'What runs on this node and how it is doing.',
  secrets: 'Keys and certificates.',
};
