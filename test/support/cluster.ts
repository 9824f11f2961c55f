import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Document, parseDocument } from 'yaml';
import { project, talosd } from './node.ts';
import { runProcess } from './process.ts';
import { talosctl } from './requires.ts';

/** The files of a cluster: nodes started on them share a CA. */
export interface ClusterFiles {
  readonly controlplane: string;
  readonly worker: string;
  readonly talosconfig: string;
}

/** Runs `gen config` of the real client or of ours; the cluster's endpoint is the node at `address`. */
export async function generateCluster(
  tool: 'talosd' | 'talosctl',
  folder: string,
  address: string,
): Promise<ClusterFiles> {
  await mkdir(folder, { recursive: true });
  const args = ['gen', 'config', 'test', `https://${address}:6443`, '--output-dir', folder];
  const { code, stderr } =
    tool === 'talosd'
      ? await runProcess(process.execPath, talosd(...args), { cwd: project })
      : await runProcess(talosctl.path, args, { cwd: folder });
  if (code !== 0) throw new Error(`${tool} gen config: ${stderr}`);
  return {
    controlplane: join(folder, 'controlplane.yaml'),
    worker: join(folder, 'join.yaml'),
    talosconfig: join(folder, 'talosconfig'),
  };
}

/** Changes a YAML file; what `change` leaves alone keeps its form and its comments. */
export async function editYaml(file: string, change: (document: Document) => void): Promise<void> {
  const document = parseDocument(await readFile(file, 'utf8'));
  change(document);
  await writeFile(file, document.toString());
}
